import { list, record, recordOf, ShapeError, text, texts } from "../../support/json.ts";
import type { Platform } from "./layout.ts";
import { platformOf } from "./layout.ts";

/**
 * How to run an image: the part of the OCI image configuration (config.md) that a runtime reads. `others`: the names of
 * the other members that are set.
 */
export type ImageConfig = {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly others: readonly string[];
};

/** An image's configuration: its platform, how to run it, and the SHA-256 of each unpacked layer. */
export type Configuration = {
  readonly platform: Platform;
  readonly config: ImageConfig;
  readonly diffIds: readonly string[];
};

/**
 * Members of the specification and Docker's own. Members about the system's version would make it another platform, and
 * are refused.
 */
const MEMBERS = [
  ...(["created", "author", "architecture", "os", "variant", "config", "rootfs", "history"] as const),
  ...(["container", "container_config", "docker_version", "id", "parent", "comment"] as const),
] as const;

/** What Docker records about the container that an image was made in, or for Windows. */
const MEANS_NOTHING = ["Hostname", "Image", "ArgsEscaped"];

/** @throws ShapeError when it is not a configuration, or says more than this. */
export function readConfiguration(document: unknown): Configuration {
  const { os, architecture, variant, config, rootfs, history } = recordOf(document, MEMBERS);
  const { type, diff_ids } = recordOf(rootfs, ["type", "diff_ids"]);
  if (type !== "layers") throw new ShapeError("a configuration whose rootfs is not of the type layers");
  const diffIds = list(diff_ids).map(text);
  // Some conversions count the layers by it.
  const layers =
    history === undefined
      ? diffIds
      : list(history)
          .map(record)
          .filter((each) => each.empty_layer !== true);
  if (layers.length !== diffIds.length)
    throw new ShapeError(
      `a configuration whose history has ${layers.length} layers, but whose rootfs has ${diffIds.length}`,
    );
  return {
    platform: platformOf({ os, architecture, ...(variant !== undefined && { variant }) }),
    config: readConfig(config ?? {}),
    diffIds,
  };
}

/** The part of the configuration that says how to run the image. */
export function readConfig(config: unknown): ImageConfig {
  const { User, Entrypoint, Env, Labels, ...rest } = record(config);
  return {
    user: text(User ?? ""),
    entrypoint: list(Entrypoint ?? []).map(text),
    env: list(Env ?? []).map(text),
    labels: Object.fromEntries(Object.entries(texts(Labels ?? {})).toSorted()),
    others: Object.entries(rest)
      .filter(([name, value]) => !MEANS_NOTHING.includes(name) && !isEmpty(value))
      .filter(([name, value]) => name !== "WorkingDir" || value !== "/")
      .map(([name]) => name),
  };
}

/** Docker's tools also write members that are not set. */
const isEmpty = (value: unknown): boolean =>
  !value || (Array.isArray(value) ? value.length === 0 : typeof value === "object" && Object.keys(value).length === 0);
