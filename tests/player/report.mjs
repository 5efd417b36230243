// Runs tests and reports them: what went wrong on standard error, one JSON line per figure on standard output.
export class Report {
  passed = 0;
  failed = 0;

  async test(name, run) {
    const begun = performance.now();
    try {
      await run();
      this.passed++;
      console.error(`ok   ${name} (${Math.round(performance.now() - begun)} ms)`);
    } catch (error) {
      this.failed++;
      console.error(`FAIL ${name}\n${error.stack ?? error}`);
    }
  }

  skip(name, reason) {
    console.error(`skip ${name}: ${reason}`);
  }

  measure(name, value, unit) {
    console.log(JSON.stringify({ name, value, unit }));
  }

  finish() {
    this.measure('player.tests', this.passed + this.failed, 'count');
    this.measure('player.tests_failed', this.failed, 'count');
    return this.failed === 0 ? 0 : 1;
  }
}
