/** Of this program, and of the interface it speaks: what Nomad's clients compare against (attr.nomad.version, agent self). */
export const VERSION = { drover: "0.1.0", nomad: "2.0.6" } as const;
