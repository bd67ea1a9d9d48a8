// A round of the stress of hosts: what its processes were answered, and what is wrong with a tree after it.

import { MetadataAnswers } from './hosts-metadata.ts';
import { Answers, faultsOfOwn, faultsOfShared, strangers } from './hosts-model.ts';

/** What was answered in a round. */
export class Round {
  readonly answers = laid();
  readonly metadata: MetadataAnswers;

  /** @param lower where its tree lies, and nobody has begun */
  constructor(lower: string) {
    this.metadata = new MetadataAnswers(lower);
  }

  add(output: string): void {
    this.answers.add(output);
    this.metadata.add(output);
  }

  faults(roots: readonly string[], died: ReadonlySet<string>, back: number): string[][] {
    const { answers, metadata } = this;
    const killed = died.size > 0;
    const metadataOf = roots.map((root) => metadata.faultsOfTree(root, killed));
    return roots.map((root, i) => [
      ...(metadataOf[i] as string[]),
      ...metadata.faultsOfContent(root),
      ...faultsOfOwn(root, answers, killed),
      ...strangers(root, answers, died),
      ...faultsOfShared(root, answers, back),
    ]);
  }
}

/** What is there of shared files before anybody begins. */
export function laid(): Answers {
  const answers = new Answers();
  for (let i = 0; i < 4; i++) {
    for (let name = 0; name < 6; name++) if (name !== i) answers.add(`C laid.${i}.${name}`);
  }
  return answers;
}
