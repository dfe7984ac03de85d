#!/usr/bin/env node
// Builds the default assets into class folders:  node tools/assets/build.mjs --package NODE_MODULES/@dgreenheck/ez-tree --out assets
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { glb } from './glb.mjs';
import { bladePixel, clump, rosette } from './grass.mjs';
import { png } from './png.mjs';
import { tree } from './trees.mjs';

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0 || at + 1 >= process.argv.length) {
    console.error(`usage: build.mjs --package FOLDER --out FOLDER   (missing --${name})`);
    process.exit(2);
  }
  return resolve(process.argv[at + 1]);
};
const from = option('package');
const out = option('out');
if (!existsSync(join(from, 'build/ez-tree.es.js'))) {
  console.error(`no ez-tree package in ${from}`);
  process.exit(1);
}
const eztree = await import(pathToFileURL(join(from, 'build/ez-tree.es.js')));

const folder = (name) => {
  mkdirSync(join(out, name, 'textures'), { recursive: true });
  return join(out, name);
};
const mesh = (className, name, parts, sidecar) => {
  writeFileSync(join(out, className, `${name}.glb`), glb(name, parts));
  writeFileSync(join(out, className, `${name}.yaml`), `# made by tools/assets/build.mjs\n${sidecar}`);
};
const copy = (source, target) => copyFileSync(join(from, source), join(out, target));

// --- trees ------------------------------------------------------------------------------------------------------------
folder('tree');
folder('bush');
for (const name of ['oak', 'birch', 'pine', 'willow'])
  for (const kind of ['color', 'normal']) for (const c of ['tree', 'bush']) copy(`src/lib/assets/bark/${name}_${kind}_1k.jpg`, `${c}/textures/${name}_${kind}_1k.jpg`);
for (const name of ['ash', 'aspen', 'oak', 'pine']) for (const c of ['tree', 'bush']) copy(`src/lib/assets/leaves/${name}_color.png`, `${c}/textures/${name}_color.png`);

const green = { oak: [0.62, 0.80, 0.42], ash: [0.72, 0.92, 0.50], aspen: [0.85, 1.0, 0.55], pine: [0.55, 0.72, 0.50] };
const fuller = (count, size) => (o) => {
  o.leaves.count = Math.round(o.leaves.count * count);
  o.leaves.size *= size;
};
const trees = [
  ['oak_1', 'oak_medium', 35729, 9.5, green.oak, fuller(1.3, 1.05)],
  ['oak_2', 'oak_large', 11, 12.5, [0.56, 0.74, 0.38]],
  ['oak_young', 'oak_small', 7, 5.5, [0.68, 0.86, 0.44], fuller(1.4, 1.1)],
  ['ash_1', 'ash_medium', 21, 10.5, green.ash],
  ['ash_2', 'ash_small', 5, 6.0, [0.70, 0.95, 0.50], fuller(1.3, 1.1)],
  ['aspen_1', 'aspen_medium', 3, 10.0, green.aspen],
  ['aspen_2', 'aspen_small', 9, 6.5, [0.80, 0.98, 0.52], fuller(1.3, 1.1)],
  ['pine_1', 'pine_medium', 13, 11.0, green.pine],
  ['pine_2', 'pine_large', 17, 14.0, [0.50, 0.68, 0.48]],
  ['pine_young', 'pine_small', 23, 4.8, [0.62, 0.82, 0.52]],
];
for (const [name, preset, seed, height, leafTint, change] of trees)
  mesh('tree', name, await tree(eztree, { preset, seed, height, leafTint, change }), `kind: ${name.split('_')[0]}\ncollision: true\ntranslucency: 0.45\n`);

// Bushes: many stems from the ground, leaves down to it.
const low = (count, size) => (o) => {
  o.leaves.count = Math.round(o.leaves.count * count);
  o.leaves.size *= size;
  o.leaves.start = 0;
  for (const level of Object.keys(o.branch.start)) o.branch.start[level] *= 0.5;
};
const bushes = [
  ['bush_1', 'bush_1', 45590, 1.5, [0.60, 0.80, 0.36], low(1.0, 1.25)],
  ['bush_2', 'bush_2', 12, 1.2, [0.70, 0.78, 0.34], low(1.0, 1.25)],
  ['bush_3', 'bush_3', 31, 1.0, [0.52, 0.70, 0.36], low(1.0, 1.3)],
  ['bush_4', 'bush_1', 77, 1.9, [0.66, 0.86, 0.42], low(1.0, 1.2)],
  ['bush_5', 'bush_2', 99, 0.8, [0.58, 0.72, 0.30], low(1.0, 1.35)],
];
for (const [name, preset, seed, height, leafTint, change] of bushes)
  mesh('bush', name, await tree(eztree, { preset, seed, height, leafTint, change }), 'kind: bush\ncollision: true\ntranslucency: 0.4\n');

// --- stones -----------------------------------------------------------------------------------------------------------
rmSync(join(folder('rubble'), 'textures'), { recursive: true });
const stones = [
  ['rock_1', 1, [1, 1, 1]], ['rock_2', 2, [1, 1, 1]], ['rock_3', 3, [1, 1, 1]],
  ['rock_flat', 1, [1.25, 1.0, 0.6]], ['rock_tall', 2, [0.75, 0.8, 1.2]], ['rock_long', 3, [1.4, 0.75, 0.8]],
];
for (const [name, number, stretch] of stones) {
  copy(`src/app/public/rock${number}.glb`, `rubble/${name}.glb`);
  writeFileSync(join(out, 'rubble', `${name}.yaml`), `# made by tools/assets/build.mjs\nkind: rock\ncollision: true\nsize_m: 1.0\nstretch: [${stretch.join(', ')}]\n`);
}

// --- grass, flowers, ground -------------------------------------------------------------------------------------------
folder('grass');
const palettes = {
  fresh: [[96, 128, 44], [150, 168, 74]],
  meadow: [[88, 116, 42], [170, 168, 90]],
  dry: [[120, 122, 60], [196, 180, 112]],
};
for (const [name, [g, d]] of Object.entries(palettes)) writeFileSync(join(out, 'grass/textures', `blade_${name}.png`), png(32, 128, bladePixel(g, d)));
const blade = (name) => ({ name: `${name} grass`, color: [1, 1, 1], texture: `textures/blade_${name}.png`, doubleSided: true });
const clumps = [
  ['grass_short_1', 'fresh', 1, { blades: 46, height: 0.17, spread: 0.24, width: 0.011, bend: 0.5 }],
  ['grass_short_2', 'meadow', 2, { blades: 50, height: 0.20, spread: 0.28, width: 0.010, bend: 0.6 }],
  ['grass_meadow_1', 'fresh', 3, { blades: 44, height: 0.33, spread: 0.22, width: 0.011, bend: 0.55 }],
  ['grass_meadow_2', 'meadow', 4, { blades: 46, height: 0.38, spread: 0.25, width: 0.010, bend: 0.65, heads: 4 }],
  ['grass_tall_1', 'meadow', 5, { blades: 40, height: 0.52, spread: 0.20, width: 0.011, bend: 0.5, heads: 7 }],
  ['grass_dry_1', 'dry', 6, { blades: 34, height: 0.42, spread: 0.20, width: 0.009, bend: 0.6, heads: 6 }],
];
for (const [name, palette, seed, shape] of clumps) mesh('grass', name, [{ ...clump(seed, shape), material: blade(palette) }], 'kind: grass\ncollision: false\ntranslucency: 0.35\n');
for (const [name, seed, shape] of [['grass_weed_1', 7, { leaves: 14, radius: 0.17, height: 0.07 }], ['grass_weed_2', 8, { leaves: 22, radius: 0.13, height: 0.12 }]])
  mesh('grass', name, [{ ...rosette(seed, shape), material: blade('fresh') }], 'kind: weed\ncollision: false\ntranslucency: 0.35\n');
for (const name of ['white', 'yellow', 'blue']) {
  copy(`src/app/public/flower_${name}.glb`, `grass/flower_${name}.glb`);
  writeFileSync(join(out, 'grass', `flower_${name}.yaml`), '# made by tools/assets/build.mjs\nkind: flower\ncollision: false\nsize_m: 0.38\ntranslucency: 0.3\n');
}
copy('src/app/public/grass.jpg', 'grass/ground_color.jpg');
mkdirSync(join(out, 'dirt'), { recursive: true });
copy('src/app/public/dirt_color.jpg', 'dirt/ground_color.jpg');
copy('src/app/public/dirt_normal.jpg', 'dirt/ground_normal.jpg');
console.log(`assets in ${out}: ${trees.length} trees, ${bushes.length} bushes, ${stones.length} stones, ${clumps.length + 2} grasses, 3 flowers`);
