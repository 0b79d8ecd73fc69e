/**
 * The image of the container that holds an allocation's network: one static program of a few bytes that waits, made here, so that a
 * node without a registry has it too. Pure but for `providePauseImage`.
 */
import { tarOf } from "#std";
import type { Daemon } from "./daemon.ts";

/** Changes with the program. */
export const PAUSE_IMAGE = "drover/pause:1";

/** Waits for a signal, for ever. PID 1 ignores what it does not handle; it is ended by SIGKILL. */
const PROGRAMS: Readonly<Record<string, { readonly machine: number; readonly code: readonly number[] }>> = {
  // mov eax, 34 (pause); syscall; jmp to the begin
  amd64: { machine: 0x3e, code: [0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7] },
  // mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b to the begin
  arm64: {
    machine: 0xb7,
    code: [
      0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2, 0x28, 0x09, 0x80, 0xd2, 0x01, 0x00,
      0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
    ],
  },
};

const HEADER_BYTES = 64 + 56;
const LOADED_AT = 0x400000n;

/** A whole static ELF file; undefined for a machine we have no program for. Names as docker's ("amd64"). */
export function pauseProgram(architecture: string): Buffer | undefined {
  const program = PROGRAMS[architecture];
  if (program === undefined) return undefined;
  const size = HEADER_BYTES + program.code.length;
  const file = Buffer.alloc(size);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(program.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(LOADED_AT + BigInt(HEADER_BYTES), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  // One segment: the whole file, readable and executable.
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(0n, 72);
  file.writeBigUInt64LE(LOADED_AT, 80);
  file.writeBigUInt64LE(LOADED_AT, 88);
  file.writeBigUInt64LE(BigInt(size), 96);
  file.writeBigUInt64LE(BigInt(size), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(program.code, HEADER_BYTES);
  return file;
}

/** Its id. Throws Error where docker's machine is neither amd64 nor arm64, or docker will not take it. */
export async function providePauseImage(daemon: Daemon): Promise<string> {
  const here = await daemon.known(() => daemon.docker.getImage(PAUSE_IMAGE).inspect());
  if (here !== undefined) return here.Id;
  const { Arch } = await daemon.docker.version();
  const program = pauseProgram(Arch);
  if (program === undefined) throw new Error(`there is no pause program for "${Arch}": set infra_image of plugin "docker"`);
  const archive = tarOf([{ name: "pause", content: program, mode: 0o755 }], 0);
  const [repo, tag] = PAUSE_IMAGE.split(":");
  const stream = (await daemon.docker.importImage(archive as unknown as string, { repo, tag })) as AsyncIterable<Buffer>;
  for await (const chunk of stream) void chunk;
  return (await daemon.docker.getImage(PAUSE_IMAGE).inspect()).Id;
}
