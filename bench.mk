# Filegate beside other ways to do the same job: docs/benchmarks.md
##@ Measure

PEERS := .venv-bench
export BENCH_SCALE BENCH_RUNS BENCH_JOBS BENCH_CANDIDATES

.PHONY: bench bench-profile bench-small bench-large

bench: $(PEERS)/.ready $(DEV) ## Measure Filegate beside other ways to do the same job (a quick try: BENCH_SCALE=0.1 BENCH_RUNS=2)
	@$(PEERS)/bin/python -m benchmarks
	@$(MAKE) --no-print-directory pages

bench-profile: $(PEERS)/.ready ## Show where Filegate's CPU goes, by its functions (BENCH_SCALE=0.1 BENCH_JOBS=lineitem)
	@$(PEERS)/bin/python -m benchmarks profile

bench-small: $(DEV) ## Send 1,000 small files through the embedded cloud, and write docs/throughput.md
	@$(BIN)/python -m benchmarks.small_files
	@$(MAKE) --no-print-directory pages

bench-large: $(DEV) images localstack-image ## Send files of 100 MB and 1 GB through the maps and not, and write docs/large-files.md (GB="0.1 1 10")
	@$(BIN)/python -m benchmarks.large_files $(if $(GB),--gb $(GB))
	@$(MAKE) --no-print-directory pages

# Apart from the rest, as Filegate is measured beside them, and not with them.
$(PEERS)/.ready: requirements/benchmarks.txt
	@echo "Setting up $(PEERS) (once) …"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements/benchmarks.txt
	@$(PEERS)/bin/python -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --editable .
	@touch $@
