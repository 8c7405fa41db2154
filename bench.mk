# Filegate beside other ways to do the same job: docs/benchmarks.md
export BENCH_SCALE BENCH_RUNS BENCH_JOBS BENCH_CANDIDATES

.PHONY: bench bench-profile bench-small

bench: $(DEV) ## Measure Filegate beside other ways to do the same job (a quick try: BENCH_SCALE=0.1 BENCH_RUNS=2)
	@$(BIN)/python -m benchmarks

bench-profile: $(DEV) ## Show where Filegate's CPU goes, by its functions (BENCH_SCALE=0.1 BENCH_JOBS=lineitem)
	@$(BIN)/python -m benchmarks.profile

bench-small: $(DEV) ## Send 1,000 small files through the embedded cloud, and write docs/throughput.md
	@$(BIN)/python -m benchmarks.small_files
