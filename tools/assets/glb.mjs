// Writes a binary glTF 2.0 file. y is up, metres; pictures stay files of their own beside it.

// parts: [{ positions, normals, uvs, indices, material: { name, color: [r, g, b] linear, texture?, normal?, cutoff?, doubleSided?, roughness? } }]
export function glb(name, parts) {
  const json = {
    asset: { version: '2.0', generator: 'bramble assets' },
    scene: 0, scenes: [{ nodes: [0] }], nodes: [{ name, mesh: 0 }], meshes: [{ name, primitives: [] }],
    materials: [], textures: [], images: [], samplers: [{}], accessors: [], bufferViews: [], buffers: [],
  };
  const chunks = [];
  let length = 0;
  const view = (array, target) => {
    const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    json.bufferViews.push({ buffer: 0, byteOffset: length, byteLength: bytes.length, target });
    const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
    chunks.push(padded);
    length += padded.length;
    return json.bufferViews.length - 1;
  };
  const accessor = (array, type, size) => {
    const entry = { bufferView: view(array, array instanceof Uint32Array ? 34963 : 34962), componentType: array instanceof Uint32Array ? 5125 : 5126, count: array.length / size, type };
    if (type === 'VEC3') {
      entry.min = [0, 1, 2].map((k) => array.reduce((low, v, i) => (i % 3 === k ? Math.min(low, v) : low), Infinity));
      entry.max = [0, 1, 2].map((k) => array.reduce((high, v, i) => (i % 3 === k ? Math.max(high, v) : high), -Infinity));
    }
    json.accessors.push(entry);
    return json.accessors.length - 1;
  };
  const texture = (uri) => {
    let image = json.images.findIndex((i) => i.uri === uri);
    if (image < 0) image = json.images.push({ uri }) - 1;
    json.textures.push({ sampler: 0, source: image });
    return { index: json.textures.length - 1 };
  };
  for (const part of parts) {
    const m = part.material;
    const material = { name: m.name, doubleSided: m.doubleSided ?? false, pbrMetallicRoughness: { baseColorFactor: [...m.color, 1], metallicFactor: 0, roughnessFactor: m.roughness ?? 1 } };
    if (m.texture) material.pbrMetallicRoughness.baseColorTexture = texture(m.texture);
    if (m.normal) material.normalTexture = texture(m.normal);
    if (m.cutoff) Object.assign(material, { alphaMode: 'MASK', alphaCutoff: m.cutoff });
    json.materials.push(material);
    json.meshes[0].primitives.push({
      attributes: {
        POSITION: accessor(new Float32Array(part.positions), 'VEC3', 3),
        NORMAL: accessor(new Float32Array(part.normals), 'VEC3', 3),
        TEXCOORD_0: accessor(new Float32Array(part.uvs), 'VEC2', 2),
      },
      indices: accessor(new Uint32Array(part.indices), 'SCALAR', 1),
      material: json.materials.length - 1,
    });
  }
  for (const key of ['textures', 'images']) if (json[key].length === 0) delete json[key];
  json.buffers.push({ byteLength: length });
  const text = Buffer.from(JSON.stringify(json));
  const head = Buffer.concat([text, Buffer.alloc((4 - (text.length % 4)) % 4, 0x20)]);
  const out = Buffer.alloc(12 + 8 + head.length + 8);
  out.writeUInt32LE(0x46546c67, 0);
  out.writeUInt32LE(2, 4);
  out.writeUInt32LE(out.length + length, 8);
  out.writeUInt32LE(head.length, 12);
  out.writeUInt32LE(0x4e4f534a, 16);
  head.copy(out, 20);
  out.writeUInt32LE(length, 20 + head.length);
  out.writeUInt32LE(0x004e4942, 24 + head.length);
  return Buffer.concat([out, ...chunks]);
}
