// SPDX-License-Identifier: Apache-2.0
/*
 * Holds dashboards to the types that Grafana publishes of its own model:
 *
 *	node dashboard-schema.mjs make			writes schema.json from those types
 *	node dashboard-schema.mjs check DIRECTORY	TAP: each dashboard, and that faults are seen
 *
 * It lies in a directory where @grafana/grafana-foundation-sdk, ts-json-schema-generator and ajv are
 * installed; for `check` ajv is enough. A panel's options and queries are any object in the types of a
 * dashboard, so each panel is taken apart and its parts are held to their own types.
 */
import fs from 'fs';

// Kinds of panels, as the package calls them, and whether they have settings of their own by field.
const kinds = {
	barchart: true, bargauge: false, gauge: false, heatmap: true, histogram: true, piechart: true,
	stat: false, statetimeline: true, statushistory: true, table: false, text: false,
	timeseries: true,
};

async function make() {
	const { createGenerator } = await import('ts-json-schema-generator');
	const sdk = '@grafana/grafana-foundation-sdk';
	const names = Object.keys(kinds);
	const own = names.filter((name) => kinds[name]);

	fs.writeFileSync('types.ts', [
		...[...names, 'common', 'dashboard', 'prometheus'].map(
			(name) => `import * as ${name} from '${sdk}/${name}';`),
		'export interface PeekpushTypes {',
		'dashboard: dashboard.Dashboard;',
		'panel: dashboard.Panel;',
		'row: dashboard.RowPanel;',
		'query: prometheus.Dataquery;',
		'table_custom: common.TableFieldOptions;',
		...names.map((name) => `${name}: ${name}.Options;`),
		...own.map((name) => `${name}_custom: ${name}.FieldConfig;`),
		'}',
	].join('\n'));
	fs.writeFileSync('tsconfig.json', JSON.stringify({
		compilerOptions: { module: 'nodenext', moduleResolution: 'nodenext', strict: true, types: [] },
		files: ['types.ts'],
	}));
	// All types in place: those of different panels have the same names.
	const schema = createGenerator({
		path: 'types.ts', tsconfig: 'tsconfig.json', type: 'PeekpushTypes', skipTypeCheck: true,
		expose: 'none', topRef: false,
	}).createSchema('PeekpushTypes');

	// A method, which JSON cannot have.
	const query = schema.properties.query;
	delete query.properties._implementsDataqueryVariant;
	query.required = query.required.filter((name) => name in query.properties);
	fs.writeFileSync('schema.json', JSON.stringify(schema));
}

async function validators() {
	const { default: Ajv } = await import('ajv');
	const ajv = new Ajv({ allErrors: true, strict: false });
	const schema = JSON.parse(fs.readFileSync('schema.json'));
	const found = {};

	for (const [name, type] of Object.entries(schema.properties))
		found[name] = ajv.compile({ ...type, definitions: schema.definitions });
	return found;
}

/* A link of a value has a title and an address, and none of what the types want, which is made for the
 * links at the top of a dashboard. */
function withoutLinks(panel) {
	const config = panel.fieldConfig;

	return config && { ...config, defaults: { ...config.defaults, links: [] } };
}

function* problems(validate, dashboard) {
	function* held(where, type, value) {
		if (validate[type](value))
			return;
		for (const error of validate[type].errors)
			yield `${where}${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`;
	}

	function* panel(one) {
		const where = `panel ${one.id}`;
		const kind = String(one.type).replace('-', '');
		const custom = one.fieldConfig?.defaults?.custom;

		if (!(kind in kinds)) {
			yield `${where}: its type is ${one.type}`;
			return;
		}
		yield* held(where, 'panel', { ...one, targets: [], fieldConfig: withoutLinks(one) });
		for (const link of one.fieldConfig?.defaults?.links ?? [])
			if (typeof link.title !== 'string' || typeof link.url !== 'string')
				yield `${where}: a link without title or url`;
		yield* held(`${where} options`, kind, one.options);
		if (custom && `${kind}_custom` in validate)
			yield* held(`${where} custom`, `${kind}_custom`, custom);
		for (const query of one.targets ?? [])
			yield* held(`${where} query ${query.refId}`, 'query', query);
	}

	yield* held('dashboard', 'dashboard', { ...dashboard, panels: [] });
	for (const one of dashboard.panels) {
		if (one.type !== 'row') {
			yield* panel(one);
			continue;
		}
		yield* held(`row ${one.id}`, 'row', { ...one, panels: [] });
		for (const inside of one.panels)
			yield* panel(inside);
	}
}

/* What is done to a dashboard and must not pass. p: its first panel that has curves. */
const faults = {
	'a version that is a string': (d) => { d.schemaVersion = '39'; },
	'a link without an address': (d, p) => { p.fieldConfig.defaults.links = [{ title: 'x' }]; },
	'no list of annotations': (d) => { delete d.annotations; },
	'a width that is a string': (d, p) => { p.gridPos.w = '12'; },
	'a kind of tooltip that is none': (d, p) => { p.options.tooltip.mode = 'many'; },
	'a misspelt word of a query': (d, p) => { p.targets[0].instnat = true; },
	'an option that another kind of panel has': (d, p) => { p.options.colorMode = 'value'; },
	'a line style that is none': (d, p) => { p.fieldConfig.defaults.custom.drawStyle = 'thick'; },
	'a threshold without a colour': (d, p) => {
		p.fieldConfig.defaults.thresholds = { mode: 'absolute', steps: [{ value: 1 }] };
	},
};

async function check(directory) {
	const validate = await validators();
	let count = 0, curves;

	function result(name, said) {
		console.log(`${said.length ? 'not ok' : 'ok'} ${++count} - ${name}`);
		said.forEach((line) => console.log(`# ${line}`));
	}

	for (const name of fs.readdirSync(directory).filter((name) => name.endsWith('.json')).sort()) {
		const dashboard = JSON.parse(fs.readFileSync(`${directory}/${name}`));

		result(`${name}: of Grafana's types`, [...problems(validate, dashboard)]);
		if (dashboard.panels.some((panel) => panel.type === 'timeseries'))
			curves ??= dashboard;
	}
	for (const [name, damage] of Object.entries(faults)) {
		const dashboard = structuredClone(curves);

		damage(dashboard, dashboard.panels.find((panel) => panel.type === 'timeseries'));
		result(`${name} is seen`,
			[...problems(validate, dashboard)].length ? [] : ['nothing was said']);
	}
	console.log(`1..${count}`);
}

const [command, directory] = process.argv.slice(2);

await (command === 'make' ? make() : check(directory));
