import React, { useState } from 'react';

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { ClipboardButton, Field, FieldSet, Input, useStyles2 } from '@grafana/ui';

/** The script tag that starts recording, to be pasted into the pages. Nothing here is stored. */
export function ScriptTag() {
  const styles = useStyles2(getStyles);
  const [address, setAddress] = useState('');
  const [key, setKey] = useState('');
  const tag = scriptTag(address || 'https://replay.example.com', key || 'pk_…');

  return (
    <FieldSet label="Record your pages">
      <Field label="Ingest address" description="Where browsers reach playhead ingest." htmlFor="ingest-address">
        <Input
          id="ingest-address"
          width={50}
          placeholder="https://replay.example.com"
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
      </Field>
      <Field label="Write key" description="A write key of playhead.yaml. It can only write." htmlFor="write-key">
        <Input
          id="write-key"
          width={50}
          placeholder="pk_…"
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
        />
      </Field>
      <Field label="Script tag" description="Put it into the head of every page, before other scripts.">
        <pre className={styles.tag}>{tag}</pre>
      </Field>
      <ClipboardButton icon="copy" variant="secondary" getText={() => tag}>
        Copy script tag
      </ClipboardButton>
    </FieldSet>
  );
}

function scriptTag(address: string, key: string): string {
  return `<script src="${escape(address.replace(/\/+$/, ''))}/playhead.js" data-key="${escape(key)}" crossorigin="anonymous" async></script>`;
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
}

const getStyles = (theme: GrafanaTheme2) => ({
  tag: css({ maxWidth: theme.spacing(100), whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
});
