/** A value that several panels show. */
export class Shared<T> {
  #listeners: ((value: T) => void)[] = [];

  constructor(public value: T) {}

  set(value: T): void {
    this.value = value;
    for (const each of this.#listeners) each(value);
  }

  /** Tells of each new value, until the function that it gives is called. The value of now is not told. */
  listen(listener: (value: T) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => (this.#listeners = this.#listeners.filter((each) => each !== listener));
  }
}
