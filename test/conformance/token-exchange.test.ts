import { createHostClock, createHostRandom } from "#integrations/host";
import { createMemoryTokenExchange } from "#integrations/memory";
import { tokenExchangeConformance } from "./token-exchange.ts";

tokenExchangeConformance("memory", () => {
  const exchange = createMemoryTokenExchange({ clock: createHostClock(), random: createHostRandom() });
  return Promise.resolve({
    exchange,
    jwt: "a.jwt.indeed",
    badJwt: "",
    list: () => Promise.resolve([...exchange.tokens.values()].map(({ description }) => Object.values(description).join(" "))),
    cut: () => {
      exchange.reachable = false;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
