# The image of pause: one static file. docker build, podman build and buildah build accept this file as it is. They build
# for this machine's platform or, with --platform, for linux/amd64, linux/arm64 or both. The build stage needs Debian's
# packages. It also needs the npm registry, from which Bun fetches the runtime that becomes PID 1.
ARG BUN_IMAGE=oven/bun:1.4.5-debian
# Docker's classic builder does not set BUILDPLATFORM. It takes this value for its own platform.
ARG OWN_PLATFORM=linux

# This stage always runs on this machine's platform: the snapshot needs ptrace, which QEMU's user mode lacks.
FROM --platform=${BUILDPLATFORM:-${OWN_PLATFORM}} ${BUN_IMAGE} AS build
WORKDIR /build
# A builder without platforms leaves it empty. The build is then for this machine's architecture.
ARG TARGETARCH
# An emulated machine takes the snapshot of the other architecture.
RUN case "$(uname -m)/$TARGETARCH" in \
      x86_64/arm64) emulator=qemu-system-arm ;; \
      aarch64/amd64) emulator=qemu-system-x86 ;; \
    esac && \
    apt-get update && apt-get install -y --no-install-recommends musl musl-dev libstdc++6 libgcc-s1 $emulator
COPY package.json ./
COPY src src
RUN bun run build ${TARGETARCH:+--arch "$TARGETARCH"} && cp "dist/$TARGETARCH/pause" /pause

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="pause" \
      org.opencontainers.image.description="The process that holds a Kubernetes pod open: TypeScript, compiled with Bun, one static file" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0 AND MIT AND LGPL-2.0-or-later AND BSD-2-Clause AND BSD-3-Clause" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /pause /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
