# The pipeline on this machine with its real images.
##@ On LocalStack, with Docker

export LOCALSTACK_IMAGE LOCALSTACK_PORT LAMBDA_IMAGES_CPU_SHARE LAMBDA_IMAGES_PARALLEL

COMPOSE := docker compose
LOCAL := http://127.0.0.1:$(or $(LOCALSTACK_PORT),4566)
# What any AWS SDK needs to talk to it; .env.example says the same for a shell.
ON_LOCALSTACK := AWS_ENDPOINT_URL=$(LOCAL) AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test

.PHONY: up ready down logs drop localstack-image stand-in-localstack

up: images localstack-image ## Start the pipeline with its real images on LocalStack, and wait until it is ready
	@if [ -n "$$($(COMPOSE) ps --quiet --status running localstack)" ]; then \
		$(COMPOSE) up --detach && $(MAKE) --no-print-directory ready && \
		$(COMPOSE) exec -T localstack /etc/localstack/init/ready.d/10-deploy.sh; \
	else \
		$(COMPOSE) up --detach && $(MAKE) --no-print-directory ready; \
	fi
	@printf '%s\n' \
		"Filegate is ready: its templates are deployed." \
		"" \
		"  raw bucket      s3://filegate-local-raw-000000000000" \
		"  endpoint        $(LOCAL)" \
		"" \
		"Try    make drop FILE=datasets/samples/flights.csv" \
		"       make logs    what the functions and LocalStack print" \
		"       make down    end it; nothing is kept" \
		"For filegate, aws and any AWS SDK in this shell:" \
		"       set -a; . ./.env.example; set +a; filegate runs"

ready: ## Wait until LocalStack's init scripts have ended well, or say why they did not
	@$(COMPOSE) exec -T localstack python3 /etc/localstack/init/ready.py --wait

down: ## End what `make up` started; its buckets and runs go with it
	@$(COMPOSE) stop localstack # first, so that it removes its functions' containers before compose would
	@$(COMPOSE) down --volumes --remove-orphans

logs: ## Follow what the functions and LocalStack print
	@$(COMPOSE) logs --follow --tail 100

drop: $(READY) ## Deliver FILE=… to what `make up` started, and follow its run
	@$(if $(FILE),,$(error Name a file: make drop FILE=datasets/samples/flights.csv))$(ON_LOCALSTACK) $(BIN)/filegate --environment local drop $(FILE)

localstack-image:
	@PYTHON="$(PYTHON)" infra/localstack/build.sh image

stand-ins: stand-in-localstack
stand-in-localstack: stand-in-lambda-base
	@PYTHON="$(PYTHON)" infra/localstack/build.sh stand-in
