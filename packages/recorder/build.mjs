// Builds dist/playhead.js (script tag), dist/index.js (npm) and the type declarations.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const shared = { absWorkingDir: root, bundle: true, target: 'es2020', legalComments: 'none', logLevel: 'warning' };

/**
 * Leaves rrweb's recording of canvases out of playhead.js: it is never switched on and weighs a tenth of the bundle.
 * rrweb has no build without it, and no bundler can see that the class is never used. An rrweb in which these marks are
 * not found fails the build.
 */
const withoutCanvas = {
  name: 'without-canvas',
  setup({ onLoad }) {
    onLoad({ filter: /@rrweb[\\/]record[\\/]dist[\\/]record\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const from = source.indexOf('const jsContent = ');
      const end = source.indexOf('class StylesheetManager {');
      if (from < 0 || end < from || source.indexOf('class CanvasManager {') < from) {
        throw new Error('rrweb has changed: its canvas recording was not found where it was');
      }
      const stub = 'class CanvasManager { reset() {} freeze() {} unfreeze() {} lock() {} unlock() {} }\n';
      return { contents: source.slice(0, from) + stub + source.slice(end), loader: 'js' };
    });
  },
};

rmSync(join(root, 'dist'), { recursive: true, force: true });
await Promise.all([
  build({
    ...shared,
    entryPoints: ['src/script.ts'],
    outfile: 'dist/playhead.js',
    format: 'iife',
    minify: true,
    plugins: [withoutCanvas],
    charset: 'utf8',
  }),
  build({
    ...shared,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.js',
    format: 'esm',
    sourcemap: true,
    // One copy of rrweb per page: npm resolves it, the application's bundler removes duplicates.
    external: ['@rrweb/record'],
  }),
]);

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', root, '--declaration', '--emitDeclarationOnly'], { stdio: 'inherit' });
