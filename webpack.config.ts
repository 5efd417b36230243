import CopyWebpackPlugin from 'copy-webpack-plugin';
import path from 'path';
import webpack, { type Configuration } from 'webpack';

import pluginConfig, { type Env } from './.config/webpack/webpack.config.ts';

const root = process.cwd();

// create-plugin copies the root plugin's logo only.
const nestedLogos = new CopyWebpackPlugin({
  patterns: [{ from: '{datasource,panel}/img/**', to: '.' }],
});

// Grafana 12.2 does not share react/jsx-runtime: a bundle that asks for it does not load there.
const refuseJsxRuntime = ({ request }: { request?: string }, callback: (error?: Error) => void) => {
  if (request === 'react/jsx-runtime' || request === 'react/jsx-dev-runtime') {
    callback(new Error(`${request} is missing in Grafana 12.2; use a dependency that is built without it`));
  } else {
    callback();
  }
};

function plugin(base: Configuration): Configuration {
  return {
    ...base,
    name: 'plugin',
    externals: [refuseJsxRuntime, base.externals ?? []].flat(),
    plugins: [...(base.plugins ?? []), nestedLogos],
  };
}

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

const config = async (env: Env): Promise<Configuration[]> => {
  const scaffold = await pluginConfig(env);
  const base: Configuration = {
    ...scaffold,
    cache: {
      type: 'filesystem',
      // Without this file in the list a change to it keeps what was built before.
      buildDependencies: {
        config: [path.resolve(root, 'webpack.config.ts'), path.resolve(root, '.config/webpack/webpack.config.ts')],
      },
    },
  };
  return [plugin(base), standalone(base)];
};

export default config;
