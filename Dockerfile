# The image of pause: one static file. docker build, podman build and buildah build take it as it is.
# The build stage needs Debian's packages, and the npm registry, from which Bun fetches the runtime that becomes PID 1.
ARG BUN_IMAGE=oven/bun:1.4.5-debian

FROM ${BUN_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends musl libstdc++6 libgcc-s1
WORKDIR /build
COPY package.json ./
COPY src src
RUN bun run build

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="pause" \
      org.opencontainers.image.description="The process that holds a Kubernetes pod open: TypeScript, compiled with Bun, one static file" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /build/dist/pause /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
