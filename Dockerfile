# An image of the agent. Build: docker build -t drover .   (unrun on the machine this was written on: no Docker engine there)
FROM node:26-bookworm-slim AS build
WORKDIR /opt/drover
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run pack

FROM node:26-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends runc conmon procps \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/drover/dist /opt/drover/dist
COPY --from=build /opt/drover/bin /opt/drover/bin
COPY --from=build /opt/drover/LICENSE /opt/drover/LICENSE
RUN ln -s /opt/drover/bin/drover /usr/local/bin/drover && mkdir -p /var/lib/drover /etc/drover.d
VOLUME /var/lib/drover
EXPOSE 4646 4647 4648
ENTRYPOINT ["drover"]
CMD ["agent", "-config", "/etc/drover.d"]
