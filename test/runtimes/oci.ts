import { HOST } from "../../src/image/platforms.ts";

/** What an image says about how to run it: the part of the OCI image configuration that a runtime reads. */
export type ImageConfig = {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

/** One layer as it lies in the archive, of so many bytes. */
export type Layer = { readonly tar: Bun.Archive; readonly compressed: number };

/** `architecture` as the configuration says it, whatever an index says of it. */
export type Image = { readonly digest: string; readonly architecture: string; readonly config: ImageConfig; readonly layers: readonly Layer[] };

/** Reads the image for one architecture from an OCI archive (an OCI image layout as a tar file). @throws Error when it is something else. */
export async function readImage(path: string, architecture: string = HOST ?? process.arch): Promise<Image> {
  const files = await new Bun.Archive(await Bun.file(path).bytes()).files();
  const blob = (descriptor: unknown) => {
    const digest = text(member(descriptor, "digest"));
    const file = files.get(`blobs/${digest.replace(":", "/")}`);
    if (file === undefined) throw new Error(`${path}: blob ${digest} is missing`);
    return file;
  };
  const [named] = list(member(await files.get("index.json")?.json(), "manifests"));
  const { manifests } = record(await blob(named).json());
  const ours = (manifest: unknown) => member(member(manifest, "platform"), "architecture") === architecture;
  // buildah and podman have the one image of theirs right there, without an index.
  const manifest = manifests === undefined ? named : list(manifests).find(ours);
  const { config, layers } = record(await blob(manifest).json());
  const configuration = await blob(config).json();
  return {
    digest: text(member(manifest, "digest")),
    architecture: text(member(configuration, "architecture")),
    config: readConfig(member(configuration, "config")),
    layers: await Promise.all(list(layers).map(async (layer) => readLayer(await blob(layer).bytes()))),
  };
}

/** Unpacks this machine's image of an archive into a folder: how it is to be run. */
export async function unpack(archive: string, root: string): Promise<ImageConfig> {
  const { config, layers } = await readImage(archive);
  for (const { tar } of layers) await tar.extract(root);
  return config;
}

const readLayer = (bytes: Uint8Array<ArrayBuffer>): Layer => ({ tar: new Bun.Archive(bytes), compressed: bytes.length });

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
  if (typeof value !== "object" || value === null) throw new Error(`the image has ${JSON.stringify(value)} where an object is expected`);
  return { ...value };
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`the image has ${JSON.stringify(value)} where a list is expected`);
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`the image has ${JSON.stringify(value)} where a string is expected`);
  return value;
}
