// Reads the source files and their import lines, for the tests that keep the floors apart.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Import {
  /** What stands between the quotes. */
  specifier: string;
  /** The file it names, from the root folder, or undefined for a package. */
  file: string | undefined;
  /** Types only: nothing is loaded. */
  typeOnly: boolean;
}

export interface SourceFile {
  /** From the root folder, with slashes. */
  name: string;
  lines: number;
  imports: Import[];
}

/** Every file under `folder` that `wanted` accepts, from the root folder. */
export function walk(root: string, folder: string, wanted: (name: string) => boolean): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter(wanted)
    .sort();
}

const importLine =
  /^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** The import lines of a text. Formatted code has one statement in a line start, which is what makes this enough. */
export function importsOf(name: string, text: string): Import[] {
  return [...text.matchAll(importLine)].map(([, type, fixed, dynamic]) => {
    const specifier = fixed ?? dynamic ?? '';
    const file = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(name), specifier) : undefined;
    return { specifier, file, typeOnly: type !== undefined };
  });
}

export function readSource(root: string, name: string): SourceFile {
  const text = readFileSync(path.join(root, name), 'utf8');
  return { name, lines: text.trimEnd().split('\n').length, imports: importsOf(name, text) };
}
