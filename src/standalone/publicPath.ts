/** @grafana/ui asks for its icons below this path; the standalone build copies them there. Imported before it. */
declare global {
  interface Window {
    __grafana_public_path__?: string;
  }
}

window.__grafana_public_path__ = '/public/';

export {};
