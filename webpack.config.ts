import CopyWebpackPlugin from 'copy-webpack-plugin';
import path from 'path';
import webpack, { type Configuration } from 'webpack';
import VirtualModulesPlugin from 'webpack-virtual-modules';

import pluginConfig, { type Env } from './.config/webpack/webpack.config.ts';

const root = process.cwd();

// create-plugin copies the root plugin's logo only.
const nestedFiles = new CopyWebpackPlugin({
  patterns: [
    { from: '{datasource,panel}/img/**', to: '.' },
    // The data source's page offers what is provisioned elsewhere.
    {
      from: path.resolve(root, 'provisioning/dashboards/playhead/{overview,session}.json'),
      to: 'datasource/dashboards/[name][ext]',
    },
  ],
});

// Grafana 12.2 does not share react/jsx-runtime: a bundle that asks for it does not load there.
const refuseJsxRuntime = ({ request }: { request?: string }, callback: (error?: Error) => void) => {
  if (request === 'react/jsx-runtime' || request === 'react/jsx-dev-runtime') {
    callback(new Error(`${request} is missing in Grafana 12.2; use a dependency that is built without it`));
  } else {
    callback();
  }
};

// A nested plugin looks for its chunks beside its own module.js, not beside the app's: each plugin is a compilation of
// its own, written to its own folder. The app's also copies the files of all three.
function plugins(scaffolds: Configuration[]): Configuration[] {
  return scaffolds.map((scaffold, index) => {
    const [name, file] = entries(scaffold)[index];
    const folder = path.dirname(name);
    return folder === '.' ? app(scaffold, file) : nestedPlugin(scaffold, folder, file);
  });
}

function entries({ entry }: Configuration): Array<[string, string]> {
  return Object.entries(entry as Record<string, string>);
}

function app(scaffold: Configuration, file: string): Configuration {
  return {
    ...scaffold,
    name: 'app',
    entry: { module: file },
    externals: [refuseJsxRuntime, scaffold.externals ?? []].flat(),
    output: {
      ...scaffold.output,
      clean: { keep: (asset) => executables.test(asset) || nestedOutput.test(asset) },
    },
    plugins: [...(scaffold.plugins ?? []), nestedFiles],
  };
}

function nestedPlugin(scaffold: Configuration, folder: string, file: string): Configuration {
  return {
    ...scaffold,
    name: folder,
    entry: { module: file },
    externals: [refuseJsxRuntime, scaffold.externals ?? []].flat(),
    output: {
      ...scaffold.output,
      path: path.resolve(root, 'dist', folder),
      uniqueName: `${scaffold.output?.uniqueName}/${folder}`,
      clean: { keep: (asset) => !compiled.test(asset) },
    },
    plugins: [
      publicPathModule(),
      ...(scaffold.plugins ?? []).filter((each) => bundling.has(each?.constructor.name ?? '')),
    ],
  };
}

// The scaffolding has one of these, but a single instance that serves one compilation only.
function publicPathModule() {
  return new VirtualModulesPlugin({
    'node_modules/grafana-public-path.js': `
import { uri } from 'amd-module';
__webpack_public_path__ = uri.slice(0, uri.lastIndexOf('/') + 1);
`,
  });
}

const compiled = /\.js(\.map|\.LICENSE\.txt)?$/;
const nestedOutput = new RegExp(`^(datasource|panel)[/\\\\].*${compiled.source}`);
const executables = /(_(amd64|arm(64)?)(\.exe)?|go_plugin_build_manifest)$/;

// Plugins of the scaffolding that change a bundle; the others copy files or watch, once for all three plugins.
const bundling = new Set(['BannerPlugin', 'SubresourceIntegrityPlugin']);

// The page that `playhead` serves where there is no Grafana: nothing is external, because nobody else brings React
// or @grafana/ui. Icon files keep the path that @grafana/ui asks for.
function standalone(base: Configuration): Configuration {
  return {
    ...base,
    name: 'standalone',
    // The page is part of the playhead binary, where maps would be three quarters of its bytes.
    devtool: base.mode === 'production' ? false : base.devtool,
    entry: { standalone: './standalone/index.tsx' },
    externals: [],
    output: {
      path: path.resolve(root, 'dist-standalone'),
      filename: '[name].js',
      chunkFilename: '[name].[contenthash].js',
      publicPath: 'auto',
      uniqueName: 'playhead-standalone',
      clean: true,
    },
    // Grafana's own entry bundles are as large; the page is served from the same machine as its recordings.
    performance: false,
    plugins: [
      // Half a megabyte of languages that the page does not speak.
      new webpack.IgnorePlugin({ resourceRegExp: /^\.\/locale$/, contextRegExp: /moment$/ }),
      new CopyWebpackPlugin({
        patterns: [
          { from: 'standalone/index.html', to: '.' },
          { from: 'img/logo.svg', to: 'img' },
          { from: path.resolve(root, 'node_modules/@grafana/ui/dist/public/img'), to: 'public/build/img' },
        ],
      }),
    ],
  };
}

const scaffold = async (env: Env): Promise<Configuration> => ({
  ...(await pluginConfig(env)),
  cache: {
    type: 'filesystem',
    // What is built is kept when something changes that is not in this list: these files, and plugin.json in dist.
    buildDependencies: {
      config: [
        'webpack.config.ts',
        '.config/webpack/webpack.config.ts',
        'src/plugin.json',
        'src/datasource/plugin.json',
        'src/panel/plugin.json',
      ].map((file) => path.resolve(root, file)),
    },
  },
});

const config = async (env: Env): Promise<Configuration[]> => {
  const first = await scaffold(env);
  // Compilations must not share instances of webpack's plugins.
  const more = await Promise.all(
    entries(first)
      .slice(1)
      .map(() => scaffold(env))
  );
  return [...plugins([first, ...more]), standalone(await scaffold(env))];
};

export default config;
