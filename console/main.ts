import { makeAccount } from './account.js';
import { makeBar } from './bar.js';
import { byId } from './dom.js';
import { Frames } from './frames.js';
import { makeInspect, mayInspect } from './inspect.js';
import { makeOnboarding } from './onboarding.js';
import { makeRoom } from './room.js';
import type { Session } from './session.js';
import { makeTabs, show } from './tabs.js';
import { makeTalk } from './talk.js';
import { makeTasks } from './tasks.js';
import { makeVersions } from './versions.js';

// Browsers keep it from pages that come by plain http from another machine.
crypto.randomUUID ??= () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

const frames = new Frames();
const panels = [makeBar, makeOnboarding, makeTalk, makeVersions, makeTasks, makeRoom, makeInspect];

/** Shows the desk of who is signed in. Each panel is made anew, so that nothing is left of who was before. */
function enter(session: Session, isNew: boolean): void {
  makeTabs(...(mayInspect(session) ? [] : (['inspect'] as const)));
  for (const make of panels) make(session);
  byId('desk').hidden = false;
  show(isNew ? 'onboarding' : 'talk');
}

/** Takes what was shown away. */
function leave(): void {
  frames.clear();
  byId('desk').hidden = true;
  for (const id of ['bar', 'onboarding', 'talk', 'versions', 'tasks', 'room', 'inspect']) byId(id).replaceChildren();
}

makeAccount(frames, enter, leave);
