// The agent's questions: choices, an answer of one's own, or both.

import { useState } from "preact/hooks";
import type { Question, QuestionParams } from "../wire/codex";
import { Decision } from "../session/approval";
import { type AskProps, Buttons } from "./approval";
import { Icon } from "./icons";

interface Answer {
  chosen: string | undefined;
  own: string;
}

const NOTHING: Answer = { chosen: undefined, own: "" };

function given(answer: Answer): string[] {
  if (answer.own.trim()) return [answer.own.trim()];
  return answer.chosen === undefined ? [] : [answer.chosen];
}

function OneQuestion({ question, answer, onChange }: {
  question: Question; answer: Answer; onChange: (answer: Answer) => void;
}) {
  const options = question.options ?? [];
  const free = options.length === 0 || question.isOther;
  return (
    <fieldset class="question">
      <legend>{question.header && <small>{question.header}</small>}{question.question}</legend>
      {options.map((option) => (
        <button
          type="button" role="radio" class="choice" key={option.label}
          aria-checked={!answer.own && answer.chosen === option.label}
          onClick={() => onChange({ chosen: option.label, own: "" })}
        >
          <span><b>{option.label}</b>{option.description && <small>{option.description}</small>}</span>
          <Icon name="check" size={18} />
        </button>
      ))}
      {free && (
        <label class="field">
          {options.length > 0 && <span>Something else</span>}
          <input
            {...(question.isSecret ? { type: "password" as const } : { type: "text" as const })} value={answer.own} autocomplete="off"
            placeholder="Your answer" aria-label={question.question}
            onInput={(event) => onChange({ ...answer, own: event.currentTarget.value })}
          />
        </label>
      )}
    </fieldset>
  );
}

export function Questions({ params, ready, answer }: AskProps<QuestionParams>) {
  const [answers, setAnswers] = useState<Record<string, Answer>>({});
  const of = (id: string) => answers[id] ?? NOTHING;
  const complete = params.questions.every((question) => given(of(question.id)).length > 0);
  const send = (skip: boolean) => answer(Decision.ANSWER, {
    answers: Object.fromEntries(params.questions.map(({ id }) => [id, { answers: skip ? [] : given(of(id)) }])),
  });
  return (
    <>
      <div class="dock-scroll">
        {params.questions.map((question) => (
          <OneQuestion
            key={question.id} question={question} answer={of(question.id)}
            onChange={(next) => setAnswers({ ...answers, [question.id]: next })}
          />
        ))}
      </div>
      <Buttons
        ready={ready} no={{ label: "Skip", act: () => send(true) }}
        yes={{ label: "Answer", act: () => send(false), disabled: !complete }}
      />
    </>
  );
}
