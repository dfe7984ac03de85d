#!/usr/bin/env node
// Builds the default assets into class folders:  node tools/assets/build.mjs --package NODE_MODULES/@dgreenheck/ez-tree --out assets
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { log, ringPixel, stump } from './deadwood.mjs';
import { glb } from './glb.mjs';
import { bladePixel, clump, fern, rosette } from './grass.mjs';
import { png, readPng, recoloured } from './png.mjs';
import { rock } from './rocks.mjs';
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
// The package pictures aspens in autumn, the others in summer: each gets the season that is missing.
const leaves = (name) => readPng(readFileSync(join(from, `src/lib/assets/leaves/${name}_color.png`)), name);
const recolour = (source, target, dark, light, share) => {
  const bytes = recoloured(leaves(source), dark, light, share);
  for (const c of ['tree', 'bush']) writeFileSync(join(out, c, 'textures', `${target}_color.png`), bytes);
};
recolour('aspen', 'aspen_summer', [8, 20, 0], [132, 164, 70], 0.92);
recolour('oak', 'oak_autumn', [34, 10, 0], [214, 122, 40], 0.9);
recolour('ash', 'ash_autumn', [40, 22, 0], [226, 176, 58], 0.9);

const green = { oak: [0.62, 0.80, 0.42], ash: [0.72, 0.92, 0.50], aspen: [0.9, 1.0, 0.85], pine: [0.55, 0.72, 0.50] };
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
  ['aspen_2', 'aspen_small', 9, 6.5, [0.95, 1.0, 0.8], fuller(1.3, 1.1)],
  ['pine_1', 'pine_medium', 13, 11.0, green.pine],
  ['pine_2', 'pine_large', 17, 14.0, [0.50, 0.68, 0.48]],
  ['pine_young', 'pine_small', 23, 4.8, [0.62, 0.82, 0.52]],
];
for (const [name, preset, seed, height, leafTint, change] of trees) {
  const aspen = name.startsWith('aspen');
  const look = aspen ? { leafPicture: 'aspen_summer', barkTint: [0.86, 0.88, 0.80] } : {};
  mesh('tree', name, await tree(eztree, { preset, seed, height, leafTint, change, ...look }), `kind: ${name.split('_')[0]}\ncollision: true\ntranslucency: 0.45\n`);
}
const autumn = [
  ['autumn_oak_1', 'oak_medium', 35729, 9.5, [0.9, 0.8, 0.7], fuller(1.2, 1.05), { leafPicture: 'oak_autumn' }],
  ['autumn_oak_2', 'oak_small', 7, 5.5, [1.0, 0.72, 0.6], fuller(1.3, 1.1), { leafPicture: 'oak_autumn' }],
  ['autumn_ash_1', 'ash_medium', 21, 10.5, [0.95, 0.9, 0.8], undefined, { leafPicture: 'ash_autumn' }],
  ['autumn_ash_2', 'ash_small', 5, 6.0, [1.0, 0.78, 0.6], fuller(1.2, 1.1), { leafPicture: 'ash_autumn' }],
  ['autumn_aspen_1', 'aspen_medium', 3, 10.0, [0.95, 0.95, 0.85], undefined, { barkTint: [0.86, 0.88, 0.80] }],
  ['autumn_aspen_2', 'aspen_small', 9, 6.5, [0.95, 0.9, 0.8], fuller(1.3, 1.1), { barkTint: [0.86, 0.88, 0.80] }],
];
for (const [name, preset, seed, height, leafTint, change, look] of autumn)
  mesh('tree', name, await tree(eztree, { preset, seed, height, leafTint, change, ...look }), `kind: ${name.split('_')[1]}\ncollision: true\ntranslucency: 0.45\n`);

// Dead wood lies and stands under the trees' class.
writeFileSync(join(out, 'tree/textures/wood_end.png'), png(128, 128, ringPixel));
const dead = [
  ['log_1', 'oak', log(1, { length: 5.2, radius: 0.24, stubs: 4 })],
  ['log_2', 'pine', log(2, { length: 6.5, radius: 0.2, bend: 0.02, stubs: 9, stub: 0.35 })],
  ['log_3', 'birch', log(3, { length: 4.0, radius: 0.15, bend: 0.07, stubs: 3, stub: 0.8, twigs: 2 })],
  ['log_short', 'oak', log(4, { length: 2.2, radius: 0.3, bend: 0.02, stubs: 1 })],
  ['branch_1', 'oak', log(5, { length: 2.4, radius: 0.045, bend: 0.1, stubs: 5, stub: 0.9, twigs: 2, sunk: 0 })],
  ['branch_2', 'pine', log(6, { length: 1.7, radius: 0.035, bend: 0.08, stubs: 7, stub: 0.6, twigs: 1, sunk: 0 })],
  ['stump_1', 'oak', stump(7, { height: 0.5, radius: 0.28, jagged: 0.05 })],
  ['stump_2', 'pine', stump(8, { height: 0.95, radius: 0.21, jagged: 0.3 })],
];
for (const [name, bark, [shell, wood]] of dead)
  mesh('tree', name, [
    { ...shell, material: { name: `${bark} bark`, color: [0.62, 0.58, 0.52], texture: `textures/${bark}_color_1k.jpg`, normal: `textures/${bark}_normal_1k.jpg` } },
    { ...wood, material: { name: 'broken wood', color: [1, 1, 1], texture: 'textures/wood_end.png' } },
  ], `kind: ${name.split('_')[0]}\ncollision: ${!name.startsWith('branch')}\n`);

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
for (const [name, preset, seed, height, leafTint, change] of bushes) {
  const look = preset === 'bush_2' ? { leafPicture: 'aspen_summer', barkTint: [0.8, 0.8, 0.72] } : {};
  mesh('bush', name, await tree(eztree, { preset, seed, height, leafTint, change, ...look }), 'kind: bush\ncollision: true\ntranslucency: 0.4\n');
}
const needles = (o) => {
  low(1.3, 0.7)(o);
  o.leaves.type = 'pine';
};
const shrubs = [
  ['juniper_1', 'bush_1', 5, 1.7, [0.40, 0.56, 0.46], needles],
  ['juniper_2', 'bush_3', 6, 1.1, [0.44, 0.58, 0.50], needles],
  ['shrub_dry_1', 'bush_1', 15, 1.1, [1.0, 0.95, 0.85], low(0.35, 0.8), { leafPicture: 'ash_autumn', barkTint: [0.75, 0.66, 0.55] }],
  ['shrub_dry_2', 'bush_3', 16, 0.8, [0.72, 0.72, 0.6], low(0.5, 0.7), { leafPicture: 'oak_autumn', barkTint: [0.75, 0.66, 0.55] }],
];
for (const [name, preset, seed, height, leafTint, change, look] of shrubs)
  mesh('bush', name, await tree(eztree, { preset, seed, height, leafTint, change, ...look }), `kind: ${name.split('_')[0]}\ncollision: true\ntranslucency: 0.35\n`);

// --- stones -----------------------------------------------------------------------------------------------------------
folder('rubble');
// What earlier versions made and this one does not; a user's own meshes stay.
for (const name of ['rock_1', 'rock_2', 'rock_3', 'rock_flat'])
  for (const end of ['glb', 'yaml']) rmSync(join(out, 'rubble', `${name}.${end}`), { force: true });
const stones = [
  ['boulder_1', 11, { planes: 13, wear: 0.5, rough: 0.10, half: [0.55, 0.42, 0.50] }, { stone: 'granite' }],
  ['boulder_2', 12, { planes: 17, wear: 0.65, rough: 0.12, half: [0.50, 0.47, 0.44] }, { stone: 'granite', lichen: 0.8 }],
  ['boulder_mossy', 13, { planes: 14, wear: 0.6, rough: 0.12, half: [0.55, 0.40, 0.47] }, { stone: 'granite', lichen: 0.6, moss: 0.55 }],
  ['slab_1', 14, { planes: 11, wear: 0.3, rough: 0.08, strata: 0.05, half: [0.62, 0.22, 0.48] }, { stone: 'limestone', bands: 0.5 }],
  ['rock_long', 15, { planes: 12, wear: 0.35, rough: 0.09, strata: 0.03, half: [0.70, 0.32, 0.36] }, { stone: 'limestone', bands: 0.4, lichen: 0.7 }],
  ['rock_tall', 16, { planes: 12, wear: 0.3, rough: 0.09, half: [0.38, 0.62, 0.42] }, { stone: 'granite', cracks: 1.5 }],
  ['rock_angular_1', 17, { planes: 9, wear: 0.06, rough: 0.05, half: [0.52, 0.44, 0.48] }, { stone: 'granite', lichen: 0.1 }],
  ['rock_angular_2', 18, { planes: 8, wear: 0.1, rough: 0.06, half: [0.56, 0.36, 0.44] }, { stone: 'limestone', lichen: 0.2 }],
  ['cobble_1', 19, { planes: 22, wear: 0.95, rough: 0.06, half: [0.55, 0.36, 0.44] }, { stone: 'granite', lichen: 0, cracks: 0.3 }],
  ['sandstone_1', 20, { planes: 12, wear: 0.4, rough: 0.1, strata: 0.06, half: [0.56, 0.40, 0.48] }, { stone: 'sandstone', bands: 0.6, lichen: 0.1 }],
  ['sandstone_2', 21, { planes: 10, wear: 0.2, rough: 0.08, strata: 0.05, half: [0.60, 0.28, 0.46] }, { stone: 'sandstone', bands: 0.6, lichen: 0.1 }],
];
for (const [name, seed, shape, look] of stones) {
  const made = rock(seed, shape, look);
  for (const kind of ['color', 'normal']) writeFileSync(join(out, 'rubble/textures', `${name}_${kind}.png`), png(made.width, made.height, made[kind]));
  const material = { name: look.stone, color: [1, 1, 1], texture: `textures/${name}_color.png`, normal: `textures/${name}_normal.png` };
  mesh('rubble', name, [{ ...made.part, material }], 'kind: rock\ncollision: true\n');
}

// --- grass, flowers, ground -------------------------------------------------------------------------------------------
folder('grass');
const palettes = {
  fresh: [[96, 128, 44], [150, 168, 74]],
  meadow: [[88, 116, 42], [170, 168, 90]],
  dry: [[120, 122, 60], [196, 180, 112]],
  heather: [[74, 76, 44], [150, 84, 128]],
  thistle: [[92, 110, 70], [146, 88, 150]],
  fern: [[62, 104, 30], [118, 150, 58]],
  bracken: [[118, 78, 36], [176, 120, 58]],  // ferns in autumn
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
// Undergrowth: dwarf shrubs whose stems end in flowers, and ferns.
const under = [
  ['heather_1', 'heather', clump(21, { blades: 120, height: 0.34, spread: 0.30, width: 0.016, bend: 0.7, heads: 85 })],
  ['heather_2', 'heather', clump(22, { blades: 90, height: 0.26, spread: 0.26, width: 0.016, bend: 0.9, heads: 50 })],
  ['thistle_1', 'thistle', clump(23, { blades: 16, height: 0.75, spread: 0.07, width: 0.035, bend: 0.6, heads: 6 })],
  ['fern_1', 'fern', fern(24, { fronds: 13, length: 0.8 })],
  ['fern_2', 'fern', fern(25, { fronds: 9, length: 0.6 })],
  ['bracken_1', 'bracken', fern(26, { fronds: 11, length: 0.7 })],
];
for (const [name, palette, part] of under) mesh('grass', name, [{ ...part, material: blade(palette) }], `kind: ${name.split('_')[0]}\ncollision: false\ntranslucency: 0.35\n`);
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
console.log(`assets in ${out}: ${trees.length + autumn.length} trees, ${dead.length} pieces of dead wood, ${bushes.length + shrubs.length} bushes, ` +
  `${stones.length} stones, ${clumps.length + under.length + 2} grasses, 3 flowers`);
