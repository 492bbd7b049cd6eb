// Unpacks the Chromium of the package, what it links against, a renderer in software and a font into a folder: node unpack.mjs FOLDER.
//
// Its own code would do so for a service of a cloud, into a folder that everybody shares.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const [folder] = process.argv.slice(2);
const packed = fileURLToPath(new URL('../bin/', import.meta.resolve('@sparticuz/chromium')));
const unpacked = (name) => brotliDecompressSync(fs.readFileSync(path.join(packed, `${name}.br`)));

fs.rmSync(folder, { recursive: true, force: true });
fs.mkdirSync(folder, { recursive: true });
for (const name of ['al2023.tar', 'fonts.tar', 'swiftshader.tar']) {
  const archive = path.join(folder, name);
  fs.writeFileSync(archive, unpacked(name));
  execFileSync('python3', ['-m', 'tarfile', '-e', archive, folder]);
  fs.rmSync(archive);
}
fs.writeFileSync(path.join(folder, 'chromium.bin'), unpacked('chromium'), { mode: 0o755 });
// Where the package has it, the font would be in a folder that everybody shares.
fs.writeFileSync(path.join(folder, 'fonts.conf'), `<?xml version="1.0"?>
<fontconfig>
  <dir>${path.resolve(folder)}/fonts</dir>
  <cachedir>${path.resolve(folder)}/fonts-cache</cachedir>
</fontconfig>
`);
// Its libraries are for it alone.
fs.writeFileSync(path.join(folder, 'chromium'), `#!/bin/sh
here=$(dirname "$0")
FONTCONFIG_PATH=$here LD_LIBRARY_PATH=$here/lib exec "$here/chromium.bin" "$@"
`, { mode: 0o755 });
