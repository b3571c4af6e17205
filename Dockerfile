# Both programs, built from this tree, running as nobody in particular.
#
#   docker build --target proxy -t weir-proxy .      docker run -v ./weir-proxy.yaml:/etc/weir/weir-proxy.yaml weir-proxy
#   docker build --target allocator -t weir .        docker run -v ./allocator.yaml:/etc/weir/allocator.yaml weir
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    libc-ares-dev libcairo2-dev libcurl4-openssl-dev liblz4-dev libnghttp2-dev libpango1.0-dev libsqlite3-dev \
    libssl-dev libzstd-dev pkg-config zlib1g-dev
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
COPY demo demo
COPY bench bench
RUN swift build -c release --static-swift-stdlib --product weir-proxy \
 && swift build -c release --static-swift-stdlib --product weir \
 && strip .build/release/weir-proxy .build/release/weir

FROM debian:12-slim AS base
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    ca-certificates libc-ares2 libcurl4 liblz4-1 libnghttp2-14 libsqlite3-0 libssl3 libstdc++6 libzstd1 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/weir --create-home weir \
 && install -d -o weir -g weir /var/lib/weir-proxy
USER weir

FROM base AS proxy
COPY --from=build /src/.build/release/weir-proxy /usr/local/bin/
# Counters live in /dev/shm: give the container enough of it (--shm-size), about 450 bytes an active tenant and route.
VOLUME /var/lib/weir-proxy
ENTRYPOINT ["weir-proxy"]
CMD ["/etc/weir/weir-proxy.yaml"]

FROM base AS allocator
USER root
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    fonts-dejavu-core fonts-liberation libpango-1.0-0 libpangocairo-1.0-0 \
 && rm -rf /var/lib/apt/lists/*
USER weir
COPY --from=build /src/.build/release/weir /usr/local/bin/
VOLUME /var/lib/weir
ENTRYPOINT ["weir"]
CMD ["allocator", "--config", "/etc/weir/allocator.yaml"]
