// What the page takes of CodeMirror: an editor for SPARQL.
import {
  autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import {
  bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting,
} from "@codemirror/language";
import { sparql } from "@codemirror/legacy-modes/mode/sparql";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// Colours come from the page's style sheet, so that they follow its theme.
const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.variableName, tags.special(tags.variableName)], color: "var(--code-variable)" },
  { tag: [tags.string, tags.number], color: "var(--code-string)" },
  { tag: [tags.atom, tags.name, tags.propertyName], color: "var(--code-name)" },
  { tag: tags.comment, color: "var(--muted)" },
]);

/**
 * Make an editor.
 * @param {HTMLElement} parent where it goes
 * @param {string} text what it begins with
 * @param {string[]} words what it completes besides SPARQL's own words
 * @param {string} nonce the page's, for the styles that CodeMirror adds
 * @param {() => void} run called for Ctrl-Enter
 * @returns {{text: () => string, set: (text: string) => void, focus: () => void}}
 */
export function editor(parent, text, words, nonce, run) {
  const runs = Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }]));
  const options = words.map((label) => ({ label }));
  const complete = (context) => {
    const before = context.matchBefore(/[\w:-]+/);
    return before || context.explicit ? { from: before ? before.from : context.pos, options } : null;
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        runs, lineNumbers(), history(), drawSelection(), bracketMatching(), closeBrackets(),
        StreamLanguage.define(sparql), syntaxHighlighting(COLOURS), EditorView.lineWrapping,
        autocompletion({ override: [complete], icons: false }),
        // Tab is left to move on, for those who use the keyboard only.
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.cspNonce.of(nonce),
        EditorView.contentAttributes.of({ "aria-label": "SPARQL query" }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    set: (changed) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: changed } }),
    focus: () => view.focus(),
  };
}
