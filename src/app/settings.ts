/** What an administrator can set for the app. */
export interface AppSettings {
  /** The data source whose sessions are listed first; the first one of ours when empty. */
  defaultDatasourceUid?: string;
}
