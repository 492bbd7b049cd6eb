# One image for every role: its argument says which; `--help` lists them, and each role's help has the port it listens on.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# Shown by --version: docker build --build-arg GIT_COMMIT=$(git rev-parse --short HEAD)
ARG GIT_COMMIT=""
# Compiled crates are cached between builds, and are not in the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p server && cp target/release/server /server

# The C library and the certificates of public authorities (for webhooks) only: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /server /usr/local/bin/server
USER 65532:65532
# A container has its own network; published ports decide what is reachable.
ENV BIND_ADDRESS=0.0.0.0
ENTRYPOINT ["/usr/local/bin/server"]
CMD ["--help"]
