import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** A compiled WebAssembly module; opaque here, costly to make, cheap to instantiate. */
export type WasmModule = object;

/** Linear memory of one WebAssembly instance. */
export interface WasmMemory {
  readonly buffer: { readonly byteLength: number };
}

/** The part of the platform's WebAssembly that is used; its types belong to browsers' libraries. */
interface WebAssemblyPlatform {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => WasmMemory;
}

const platform = (globalThis as unknown as { readonly WebAssembly: WebAssemblyPlatform }).WebAssembly;

/** Compiles the WebAssembly file that a package exports under `specifier`. */
export async function compileWasm(specifier: string): Promise<WasmModule> {
  return platform.compile(await readFile(createRequire(import.meta.url).resolve(specifier)));
}

/**
 * Memory that starts with `initial` pages of 64 KiB and can never have more than `maximum`: the engine
 * refuses to grow it, whatever the code inside does.
 */
export function createWasmMemory(initial: number, maximum: number): WasmMemory {
  return new platform.Memory({ initial, maximum });
}
