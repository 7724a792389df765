# make         what there is
# make run     build, mount at ./mnt, and say what to try
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What Debian calls the packages.
build_packages := ca-certificates gcc libc6-dev librados-dev librbd-dev
run_packages   := attr fuse3
test_packages  := $(run_packages) acl ceph-base ceph-common ceph-mgr ceph-mon ceph-osd curl dash e2fsprogs mount \
                  nginx-light openssl procps psmisc python3 python3-cursive python3-glance-store python3-oslo.config \
                  python3-rados python3-rbd qemu-utils rsync tar tinyproxy util-linux xz-utils
bench_packages := $(test_packages) fio httpdirfs rbd-fuse rclone

# install PACKAGES: installs those that are missing. On a system without apt
# it says so and goes on: they may be there under other names.
define install
	missing=; \
	for p in $1; do [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing+=" $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "No apt here: see to it that you have what Debian calls$$missing"; exit 0; fi; \
	apt="env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0"; \
	if [ "$$(id -u)" != 0 ]; then \
		command -v sudo >/dev/null || { echo "Install as root:$$missing" >&2; exit 1; }; \
		apt="sudo $$apt"; \
	fi; \
	echo "Installing$$missing"; \
	install="$$apt install -y --no-install-recommends $$missing"; \
	$$install >/dev/null || { $$apt update && $$install >/dev/null; }
endef

# The build is with Ceph where its headers are. The minor version of librbd
# is the number of Ceph's release; go-ceph wants a tag for releases that are
# not the newest (its README, "Supported Ceph Versions").
librbd     = $(shell echo LIBRBD_VER_MINOR | cc -include rbd/librbd.h -E -P - 2>/dev/null | tail -n 1)
release_15 = ,octopus
release_16 = ,pacific
release_17 = ,quincy
release_18 = ,reef
release_19 = ,squid
tags       = $(if $(librbd),ceph$(release_$(librbd)))

version = $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: help
help: ## print this
	@awk -F ': |## ' '/^[a-z]+:.*## /{printf "make %-6s %s\n", $$1, $$3}' Makefile

.PHONY: build
build: go buildtools ## build bin/glancefs, with Ceph if possible
	@tags='$(tags)'; \
	[ -n "$$tags" ] || echo "Building without Ceph: rbd/librbd.h or the C compiler is missing"; \
	go build -trimpath -tags "$$tags" -ldflags "-X main.version=$(version)" -o bin/glancefs ./cmd/glancefs

.PHONY: run
run: runtools build ## mount a store at ./mnt and say what to try
	@mkdir -p mnt 2>/dev/null || true # what a dead mount left can't be asked
	@if mountpoint -q mnt; then echo "./mnt is mounted already"; else bin/glancefs mount mnt; fi
	@echo
	@echo "Try:"
	@echo "  cp SOME.IMG mnt/local/           # add an image"
	@echo "  getfattr -d mnt/local/SOME.IMG   # its checksum, multihash, location, …"
	@echo "  cat mnt/local/SOME.IMG | wc -c   # read it"
	@echo "  rm mnt/local/SOME.IMG            # delete it"
	@echo "and make stop to unmount."

.PHONY: stop
stop: ## unmount ./mnt
	@if [ ! -x bin/glancefs ]; then echo "bin/glancefs is not built"; else bin/glancefs umount mnt || [ $$? = 3 ]; fi

.PHONY: test
test: go buildtools testtools ## install what the tests need, and run them all
	go vet ./...
	@tags='$(tags)'; set -x; go vet -tags "soak,bench$${tags:+,$$tags}" ./...
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt would change:" $$files; exit 1; fi
	go run ./tests/mustrun -list tests/must_run.txt -- \
		-race -timeout 25m -tags '$(tags)' ./... -- \
		GOMAXPROCS=1 -p 2 -race -count=1 -timeout 25m ./fsnode ./backends/... ./digest

.PHONY: soak
soak: go testtools ## kill 1,000 writers, and add 4 GiB; takes long
	tags='$(tags)'; go test -tags "soak$${tags:+,$$tags}" ./tests -run Soak -v -timeout 2h

# QUICK=1: file stores, 256 MiB, in three minutes, and the README stays as it
# is. GROWTH=1: against size and number. ROUNDS=N: instead of 5. SIZE=N:
# MiB instead of 1024.
.PHONY: bench
bench: build benchtools ## measure glancefs beside other tools; QUICK=1, GROWTH=1
	tags='$(tags)'; go test -tags "bench$${tags:+,$$tags}" ./tests/bench -v -count=1 -timeout 6h \
		-run 'Test$(if $(GROWTH),Growth,Bench)' -args $(if $(QUICK),-quick -out $(CURDIR)/bin) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(SIZE),-size $(SIZE))
	$(if $(QUICK),,go test ./tests/bench -count=1 -run TestReadme -update)

# What was measured before is kept, and compared with.
.PHONY: micro
micro: go ## run the Go benchmarks, and compare with the last run (benchstat)
	@mkdir -p bin; [ ! -f bin/micro.txt ] || mv bin/micro.txt bin/micro.old.txt
	go test -run '^$$' -bench . -count 6 ./digest ./backends ./backends/readahead | tee bin/micro.txt
	go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da $$(ls bin/micro.old.txt 2>/dev/null) bin/micro.txt

# The prerequisites.

.PHONY: go buildtools runtools testtools benchtools
go:
	@command -v go >/dev/null || { echo "Go is missing: install Go 1.26 or newer, and put it in the PATH" >&2; exit 1; }

buildtools: # without librbd everything works, but for stores of type rbd
	@($(call install,$(build_packages))) || echo "Going on without them"

runtools:
	@$(call install,$(run_packages))

testtools:
	@$(call install,$(test_packages))

benchtools: # what is missing is not measured, and named
	@($(call install,$(bench_packages))) || echo "Going on without them"
