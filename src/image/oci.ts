import { ImageError } from "./error.ts";

/** What an image says about how to run it: the part of the OCI image configuration that a runtime reads. */
export type ImageConfig = {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

/** One layer as it lies in the archive. `compressed` is its size after gzip, in bytes, also where the archive holds it as plain tar. */
export type Layer = { readonly tar: Bun.Archive; readonly compressed: number };

export type Image = { readonly digest: string; readonly config: ImageConfig; readonly layers: readonly Layer[] };

/** Reads the one image of an OCI archive (an OCI image layout as a tar file). @throws ImageError when it is something else. */
export async function readImage(path: string): Promise<Image> {
  const files = await archive(path);
  const blob = (descriptor: unknown) => {
    const digest = text(member(descriptor, "digest"));
    const file = files.get(`blobs/${digest.replace(":", "/")}`);
    if (file === undefined) throw new ImageError(`${path}: blob ${digest} is missing; build the image again`);
    return file;
  };
  const index = files.get("index.json");
  if (index === undefined) throw new ImageError(`${path}: no index.json, so no OCI archive; \`docker save\` writes one since Docker 25, buildah and podman do always`);
  const [manifest, ...others] = list(member(await index.json(), "manifests"));
  if (others.length > 0) throw new ImageError(`${path}: ${others.length + 1} images where one is expected`);
  const { config, layers } = record(await blob(manifest).json());
  return {
    digest: text(member(manifest, "digest")),
    config: readConfig(member(await blob(config).json(), "config")),
    layers: await Promise.all(list(layers).map(async (layer) => readLayer(await blob(layer).bytes()))),
  };
}

async function archive(path: string): Promise<Map<string, File>> {
  try {
    return await new Bun.Archive(await Bun.file(path).bytes()).files();
  } catch (error) {
    throw new ImageError(`${path} cannot be read as a tar file: ${error instanceof Error ? error.message : error}`);
  }
}

function readLayer(bytes: Uint8Array<ArrayBuffer>): Layer {
  const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return { tar: new Bun.Archive(bytes), compressed: gzip ? bytes.length : Bun.gzipSync(bytes).length };
}

function readConfig(config: unknown): ImageConfig {
  const { User, Entrypoint, Env, Labels } = record(config);
  return {
    user: text(User ?? ""),
    entrypoint: list(Entrypoint ?? []).map(text),
    env: list(Env ?? []).map(text),
    labels: Object.fromEntries(Object.entries(record(Labels ?? {})).map(([name, value]) => [name, text(value)])),
  };
}

const member = (value: unknown, name: string) => record(value)[name];

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new ImageError(`the image has ${JSON.stringify(value)} where an object is expected`);
  return { ...value };
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ImageError(`the image has ${JSON.stringify(value)} where a list is expected`);
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new ImageError(`the image has ${JSON.stringify(value)} where a string is expected`);
  return value;
}
