# The image of `make image` for those who have a container engine: the same files in the same places.
# docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/pulltrace:VERSION --push .
ARG NODE=24.21.0

FROM --platform=$BUILDPLATFORM node:${NODE}-trixie-slim AS bundles
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node build/bundle.ts && cp LICENSE dist/ && mkdir data

# Node for the processor that the image is for. Nothing of it is run here.
FROM node:${NODE}-trixie-slim AS node

# glibc, libstdc++ and certificates; no shell.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/LICENSE /usr/share/doc/nodejs/LICENSE
COPY --from=bundles /src/dist/ /app/
# Where a volume that an engine makes gets its owner from.
COPY --from=bundles --chown=65532:65532 /src/data/ /var/lib/pulltrace/
ENV NODE_ENV=production
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node"]
CMD ["/app/pulltrace.mjs", "--help"]
LABEL org.opencontainers.image.title="Pulltrace" \
  org.opencontainers.image.description="Live view of every container-image pull on every Kubernetes node" \
  org.opencontainers.image.licenses="Apache-2.0"
