const DEADLINE_MS = 15_000;

/** Lets tests wait for a condition that a server's requests make true. */
export class Signal {
  #waiting = new Set();

  changed() {
    for (const check of [...this.#waiting]) {
      check();
    }
  }

  until(condition, what) {
    return new Promise((resolve, reject) => {
      const check = () => {
        let value;
        try {
          value = condition();
        } catch (error) {
          finish();
          reject(error);
          return;
        }
        if (value) {
          finish();
          resolve(value);
        }
      };
      const deadline = setTimeout(() => {
        finish();
        reject(new Error(`waited ${DEADLINE_MS} ms for ${what}`));
      }, DEADLINE_MS);
      const finish = () => {
        clearTimeout(deadline);
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
  }
}
