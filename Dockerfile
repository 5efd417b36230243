# One build, three images: the playhead command, the demo shop, and Grafana
# with the plugin. docker-compose.yaml says how they work together.
FROM node:22.20.0-bookworm AS node

FROM golang:1.26.8-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
RUN go tool mage build

FROM debian:12-slim AS playhead
RUN useradd --system --create-home --home-dir /var/lib/playhead playhead
COPY --from=build /src/bin/playhead /src/bin/playhead-local /usr/local/bin/
USER playhead
EXPOSE 8080
ENTRYPOINT ["playhead"]

FROM debian:12-slim AS shop
COPY --from=build /src/bin/playhead-local /usr/local/bin/playhead-local
USER nobody
EXPOSE 8090
ENTRYPOINT ["playhead-local", "shop"]

FROM grafana/grafana:12.2.0 AS grafana
COPY --from=build /src/dist /var/lib/grafana/plugins/playhead-replay-app
