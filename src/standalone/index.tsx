import './publicPath';

import React from 'react';

import { createRoot } from 'react-dom/client';

import { Standalone } from './Standalone';

const container = document.getElementById('root');
if (!container) {
  throw new Error('index.html has no element with the id "root"');
}
createRoot(container).render(<Standalone />);
