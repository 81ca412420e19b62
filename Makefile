# `make` and `make help` list the targets. Each calls one script in bin/; arguments: make test ARGS='tests/unit -k money'
.DEFAULT_GOAL := help
.PHONY: help demo demo-edge demo-reset setup test test-exhaustive check bench screenshots translations

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: ## run a demo on this machine with an emulated Amazon; Ctrl-C stops it
	@exec bin/demo $(ARGS)

demo-edge: ## the demo behind nginx with the web application firewall, over HTTPS
	@exec bin/demo-edge $(ARGS)

demo-reset: ## delete the demo's data, keys and people
	@exec bin/demo-reset

setup: ## make .venv with the `theseller` command
	@exec bin/setup run

test: ## all tests, in parallel, with their own database and browser
	@exec bin/test $(ARGS)

test-exhaustive: ## the long tests (marker `exhaustive`) and the platforms, which `make test` leaves out
	@exec bin/test-exhaustive $(ARGS)

check: ## format, lint, types, import law, sizes, migrations, secret scan
	@exec bin/check

bench: ## benchmarks: a table, and JSON in benchmarks/results/
	@exec bin/bench $(ARGS)

screenshots: ## pictures of the main pages, into screenshots/
	@exec bin/screenshots $(ARGS)

translations: ## add new texts to the catalogs of translations, compile them, name what is missing
	@exec bin/translations
