import { version } from "../../../package.json";
import type { Architecture } from "../../arch/architecture.ts";
import { type Component, components, OWN_PARTS } from "../components/components.ts";
import { LICENSE } from "../components/license.ts";
import type { ReleasedExecutable } from "./executable.ts";

/** https://cyclonedx.org/docs/1.6/json/ */
export const CYCLONEDX = "https://cyclonedx.org/bom";

const AUTHOR = { name: "the pause authors" };

/** The bill of materials of one executable, in CycloneDX 1.6. The same release gives the same document. */
export function sbom(released: ReleasedExecutable) {
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(released.timestamp * 1000).toISOString(),
      lifecycles: [{ phase: "build" }],
      authors: [AUTHOR],
      component: executable(released),
    },
    components: components(released.architecture).map(component),
    dependencies: dependencies(released.architecture),
  };
  // Derived from the content (RFC 9562, section 5.5), because a random one would differ each time.
  return { ...document, serialNumber: `urn:uuid:${Bun.randomUUIDv5(JSON.stringify(document), "url")}` };
}

const ref = ({ debian }: Architecture) => `pause-${version}-${debian}`;

function executable({ architecture, file }: ReleasedExecutable) {
  return {
    "bom-ref": ref(architecture),
    type: "application",
    supplier: AUTHOR,
    name: "pause",
    version,
    description:
      `The process that holds a Kubernetes pod open, for linux/${architecture.debian}: ` +
      "a snapshot of a program's memory, with only what the program can still reach.",
    hashes: [sha256(file.sha256)],
    licenses: [{ expression: LICENSE, acknowledgement: "concluded" }],
    properties: [{ name: "pause:file", value: file.name }, ...partsOf(OWN_PARTS)],
  };
}

function component({ name, version, supplier, license, purl, file, part, parts: own }: Component) {
  return {
    "bom-ref": purl,
    type: "library",
    supplier: { name: supplier },
    name,
    version,
    description: part,
    // The build needs it, but the file does not contain it.
    scope: own.length > 0 ? "required" : "excluded",
    ...(file !== undefined && { hashes: [sha256(file.sha256)] }),
    licenses: [{ expression: license, acknowledgement: "declared" }],
    purl,
    properties: [...(file === undefined ? [] : [{ name: "pause:file", value: file.name }]), ...partsOf(own)],
  };
}

/** The executable depends on the runtime and the libraries linked with it; the runtime contains the rest. */
function dependencies(architecture: Architecture) {
  const all = components(architecture);
  const [runtime, ...rest] = all.map(({ purl }) => purl);
  const linked = all.filter(({ purl }) => purl.startsWith("pkg:deb/")).map(({ purl }) => purl);
  return [
    { ref: ref(architecture), dependsOn: [runtime, ...linked] },
    { ref: runtime, dependsOn: rest },
    ...rest.map((purl) => ({ ref: purl })),
  ];
}

const partsOf = (names: readonly string[]) => names.map((value) => ({ name: "pause:part", value }));
const sha256 = (content: string) => ({ alg: "SHA-256", content });
