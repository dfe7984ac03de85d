// Trees and bushes from ez-tree's generator (MIT), whose classes expect a browser's document for loading textures.
globalThis.document ??= { createElementNS: () => ({ addEventListener() {}, removeEventListener() {} }) };

const linear = (hex) => [16, 8, 0].map((shift) => {
  const v = ((hex >> shift) & 255) / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});

// three's texture coordinates grow upwards, glTF's downwards.
const flipped = (uvs, sx = 1, sy = 1) => Array.from(uvs, (v, i) => (i % 2 === 0 ? v * sx : 1 - v * sy));

// change(options): adapts the preset; height [m]: the whole is scaled to it.
// leafPicture, barkTint: instead of the preset's.
export async function tree(eztree, { preset, seed, height, leafTint, change, leafPicture, barkTint }) {
  const plant = new eztree.Tree();
  plant.loadPreset(preset.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join(' '));
  plant.options.seed = seed;
  change?.(plant.options);
  plant.generate();
  const o = plant.options;
  let top = 0;
  for (const verts of [plant.branches.verts, plant.leaves.verts]) for (let i = 1; i < verts.length; i += 3) top = Math.max(top, verts[i]);
  const scale = height / top;
  const scaled = (verts) => Array.from(verts, (v) => v * scale);
  const leafType = o.leaves.type.toLowerCase(), barkType = o.bark.type.toLowerCase();
  barkTint ??= linear(o.bark.tint).map((v) => 0.35 + 0.65 * v);
  return [
    {
      positions: scaled(plant.branches.verts), normals: plant.branches.normals, indices: plant.branches.indices,
      uvs: flipped(plant.branches.uvs, o.bark.textureScale.x, 1 / o.bark.textureScale.y),
      material: { name: `${barkType} bark`, color: barkTint, texture: `textures/${barkType}_color_1k.jpg`, normal: `textures/${barkType}_normal_1k.jpg` },
    },
    {
      positions: scaled(plant.leaves.verts), normals: plant.leaves.normals, indices: plant.leaves.indices, uvs: flipped(plant.leaves.uvs),
      material: { name: `${leafType} leaves`, color: leafTint, texture: `textures/${leafPicture ?? leafType}_color.png`, cutoff: o.leaves.alphaTest, doubleSided: true },
    },
  ];
}
