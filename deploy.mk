# With the credentials and the region of this shell. docs/deploying.md leads through it.
##@ On AWS

.PHONY: bootstrap push deploy diff destroy

IN_ENV = --environment $(or $(ENV),$(error Name the deployment: make $@ ENV=dev (ENV in capitals)))

bootstrap: $(READY) ## Make the place for images and templates, once for an account and region
	@$(BIN)/filegate stack bootstrap $(if $(YES),--yes) $(if $(ACCEPT_LOSS),--accept-loss)

push: $(READY) ## Build the images of this commit for AWS, and push those that are not there yet
	@$(BIN)/filegate images push

deploy: $(READY) ## Show what would change in ENV=…, ask, and change it (YES=1 does not ask, but refuses to lose data)
	@$(BIN)/filegate $(IN_ENV) stack deploy $(if $(YES),--yes) $(if $(ACCEPT_LOSS),--accept-loss)

diff: $(READY) ## Show what `make deploy` would change in ENV=…
	@$(BIN)/filegate $(IN_ENV) stack diff

destroy: $(READY) ## Remove ENV=…, once it is said what becomes of its data (DATA=keep or delete, CONFIRM=the name: not asked)
	@$(BIN)/filegate $(IN_ENV) stack destroy $(if $(DATA),--data $(DATA)) $(if $(CONFIRM),--confirm $(CONFIRM))
