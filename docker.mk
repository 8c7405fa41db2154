##@ Container images

# The stages' container images. What a variable means, and its default: scripts/build-images.sh
export PLATFORM REPOSITORY TAG LAMBDA_BASE_IMAGE STAND_INS

.PHONY: images stand-ins stand-in-lambda-base measure-images profile enable-arm64

images: ## Build the stages' images (PLATFORM=linux/arm64 builds what ships)
	@scripts/build-images.sh

stand-ins: stand-in-lambda-base ## Build what stands in for public images, where no registry is reachable (STAND_INS=1 uses it)

stand-in-lambda-base:
	@scripts/lambda-base/build.sh $(notdir $(PLATFORM))

measure-images: $(DEV) ## Measure the images' sizes, start-up times and memory: docs/images.md
	@$(BIN)/python -m scripts.measure_images
	@$(MAKE) --no-print-directory pages

profile: $(DEV) images localstack-image ## Measure each stage over memory sizes: docs/memory.md
	@$(BIN)/python -m scripts.profile_memory
	@$(MAKE) --no-print-directory pages

enable-arm64: ## Let this machine's engine run arm64 images, slowly (Debian, root)
	@scripts/enable-arm64.sh
