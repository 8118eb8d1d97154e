// SPDX-License-Identifier: Apache-2.0
//
// Holds manifests to the API's schemas, from npm's kubernetes-models (made of the OpenAPI documents of
// Kubernetes and the CRDs of Prometheus Operator): types, formats and what is required by its
// validators, and, as these let unknown fields pass, those by TypeScript.
//
// usage: node kubernetes-schema.mjs MODULES < OBJECTS
//
// OBJECTS is JSON, {NAME: [object...]}; printed is JSON, {NAME: [what is wrong...]}.
import { createRequire } from "node:module";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const sets = JSON.parse(readFileSync(0, "utf8"));
const found = {};

// Where a model lies: by group, version and kind.
function model(object) {
	const [group, version] = object.apiVersion.includes("/")
		? object.apiVersion.split("/")
		: ["", object.apiVersion];
	const home = group === "monitoring.coreos.com"
		? "@kubernetes-models/prometheus-operator"
		: "kubernetes-models";

	return [home, group.replace(/^(apps|batch|policy|autoscaling)$/, "$1"), version, object.kind]
		.filter((part) => part)
		.join("/");
}

function say(name, object, what) {
	found[name] ??= [];
	found[name].push(`${object.kind} ${object.metadata?.name}: ${what}`);
}

const lines = [];
const origin = [];
for (const [name, objects] of Object.entries(sets)) {
	found[name] = [];
	for (const object of objects) {
		const path = model(object);
		const file = join(modules, "node_modules", `${path}.js`);

		if (!existsSync(file)) {
			say(name, object, `there is no ${object.apiVersion} ${object.kind}`);
			continue;
		}
		const loaded = await import(pathToFileURL(file));
		try {
			new loaded[object.kind](object).validate();
		} catch (error) {
			say(name, object, error.message.replaceAll("\n", " "));
		}
		const n = origin.push([name, object]) - 1;
		lines.push(`import type { I${object.kind} as T${n} } from "${path}";`);
		lines.push(`export const o${n}: T${n} = ${JSON.stringify(object)};`);
	}
}

const ts = createRequire(join(modules, "package.json"))("typescript");
const source = join(modules, "objects.mts");
writeFileSync(source, lines.join("\n"));
const program = ts.createProgram([source], {
	module: ts.ModuleKind.NodeNext,
	moduleResolution: ts.ModuleResolutionKind.NodeNext,
	target: ts.ScriptTarget.ES2022,
	strict: true,
	noEmit: true,
	skipLibCheck: true,
	types: [],
});
for (const problem of ts.getPreEmitDiagnostics(program)) {
	const text = ts.flattenDiagnosticMessageText(problem.messageText, " ");

	if (problem.file?.fileName.endsWith("objects.mts")) {
		const { line } = problem.file.getLineAndCharacterOfPosition(problem.start);
		const [name, object] = origin[Math.floor(line / 2)];

		say(name, object, text);
	} else {
		throw new Error(`${problem.file?.fileName}: ${text}`);
	}
}
console.log(JSON.stringify(found));
