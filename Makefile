# `make run` and `make test` are all that is needed; `make help` lists the rest.
SERVERS = scripts/with-parts rabbitmq mongodb s3 llama aimock --
DALLOSH = target/release/dallosh
ifdef CARGO_TARGET_DIR
DALLOSH = $(CARGO_TARGET_DIR)/release/dallosh
endif

.PHONY: run test frontend generate chaos fuzz sbom deny help

run: frontend ## build, start everything on 127.0.0.1:5006, and send the sample through it
	cargo build --release --locked -p dallosh
	$(DALLOSH) up --sample samples/posts.csv

test: frontend ## install and start what the tests need, and run all of them
	@command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p dallosh -p dallosh-storage --all-targets --features dallosh/aws,dallosh-storage/aws -- -D warnings
	python3 samples/make_posts.py --check
	cd frontend && $(NPM_INSTALL) && npm run lint && npm run typecheck && npm run generate -- --check && npm test
	$(SERVERS) cargo nextest run --locked --workspace --features dallosh/aws,dallosh-storage/aws
	command -v chromium >/dev/null || { apt-get update && apt-get install -y --no-install-recommends chromium; }
	cd frontend && npm run e2e
	scripts/fuzz-api $(or $(CARGO_TARGET_DIR),target)/debug/dallosh

# Not `npm ci`: it refuses a lock file without the optional packages of other platforms, which a registry may lack.
NPM_INSTALL = npm install --no-save --no-audit --no-fund

frontend: ## build the frontend into frontend/out, from where the gateway takes it; nothing without npm
	@if ! command -v npm >/dev/null || [ ! -f frontend/package.json ]; then echo "no npm: / will lead to /docs"; \
	elif [ ! -f frontend/out/csp.json ] || [ -n "$$(find frontend -path frontend/node_modules -prune -o -path frontend/out -prune -o -path frontend/.next -prune -o -type f -newer frontend/out/csp.json -print -quit)" ]; then \
		cd frontend && $(NPM_INSTALL) && npm run build; fi

generate: ## write proto/ and docs/errors.md anew from the code
	cargo build --locked -p dallosh
	mkdir -p proto/schemas
	cargo run -q --locked -p dallosh -- openapi > proto/openapi.yaml
	cargo run -q --locked -p dallosh -- asyncapi > proto/asyncapi.yaml
	for name in proceed_task retry_step handle_process record_activity task_event; do cargo run -q --locked -p dallosh -- schema $$name > proto/schemas/$$name.json; done
	cargo run -q --locked -p dallosh -- errors > docs/errors.md

chaos: ## play SEEDS=10000 random histories of the job engine; DALLOSH_SEED=… plays one again
	DALLOSH_SEEDS=$(or $(SEEDS),10000) cargo test --locked -p dallosh-jobs --test it every_random_history

fuzz: ## send the API many more made-up requests than `make test` does; SEED=… makes others
	cargo build --locked -p dallosh
	scripts/fuzz-api $(or $(CARGO_TARGET_DIR),target)/debug/dallosh --examples 300 --seed $(or $(SEED),1)

sbom: ## list every dependency of the binary and of the pages as CycloneDX, in sbom/
	@command -v cargo-cyclonedx >/dev/null || cargo install --locked cargo-cyclonedx
	mkdir -p sbom
	cargo cyclonedx --manifest-path services/dallosh/Cargo.toml --format json --spec-version 1.5 --override-filename dallosh.cdx
	mv services/dallosh/dallosh.cdx.json sbom/
	find . -name dallosh.cdx.json -not -path './sbom/*' -delete
	cd frontend && npm sbom --omit=dev --sbom-format cyclonedx --package-lock-only > ../sbom/frontend.cdx.json

deny: ## licences, bans and sources of every dependency (installs cargo-deny)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'
