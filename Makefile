# Each target is a plain command; docs/start.md walks through them.
SWIFT_BUILD = swift build -c release --static-swift-stdlib --product

.PHONY: build test lint demo demo-up demo-down bench bench-accounting soak clean

build:
	scripts/install-packages build
	$(SWIFT_BUILD) weir-proxy
	$(SWIFT_BUILD) weir

test:
	scripts/install-packages build test
	swift build --build-tests
	swift test --skip-build

lint:
	swift format lint --strict -r Sources Tests bench demo Package.swift

demo:
	demo/run

demo-up:
	demo/run --keep

demo-down:
	demo/run --down

bench:
	scripts/install-packages build bench
	$(SWIFT_BUILD) weir-proxy
	$(SWIFT_BUILD) MeterBench
	$(SWIFT_BUILD) CodecBench
	bench/run.py
	bench/more.sh

# About 20 minutes and 12 GB of disk under bench/out.
bench-accounting:
	scripts/install-packages build bench
	$(SWIFT_BUILD) weir
	$(SWIFT_BUILD) AccountingBench
	$(SWIFT_BUILD) MonthBench
	$(SWIFT_BUILD) StatementBench
	.build/release/MonthBench ingest
	bench/accounting/imports.py
	.build/release/StatementBench
	bench/accounting/month.py

# 15 minutes, or SOAK_SECONDS; SANITIZE=address or thread for a proxy that is built with it.
soak:
	scripts/install-packages build test
	Tests/Soak/run $(SANITIZE)

clean:
	rm -rf .build demo/out bench/out
