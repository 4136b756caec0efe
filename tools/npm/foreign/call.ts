// Calls the service through clients that other generators made of its documents: typed, and in both versions.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import * as v1 from './out/v1.client.js';
import type { paths as PathsV1 } from './out/v1.types.js';
import * as v2 from './out/v2.client.js';
import type { paths as PathsV2 } from './out/v2.types.js';

const root = process.env['FLUENTPRO_URL'] ?? '';
const person = () => ({ email: `${crypto.randomUUID()}@example.com`, password: 'Harbour-Light-42', full_name: 'Mei Chen' });

const api = createClient<PathsV2>({ baseUrl: `${root}/api/v2` });
const signedUp = await api.POST('/users', { body: person() });
assert.ok(signedUp.data, JSON.stringify(signedUp.error));
const headers = { Authorization: `Bearer ${signedUp.data.tokens.access_token}` };
const refused = await api.POST('/conversations', { body: { partner_id: 'nobody', situation_id: 'negotiations' }, headers });
assert.equal(refused.error?.code, 'conversation.unknown_partner');

const me = await v2.getMe({ headers });
assert.ok(me.status === 200, JSON.stringify(me.data));
assert.equal(me.data.email, signedUp.data.user.email);

const learner = person();
await v1.signUpV1(learner);
const signedIn = await v1.logInV1({ email: learner.email, password: learner.password });
assert.ok(signedIn.status === 200, JSON.stringify(signedIn.data));
const { access_token } = signedIn.data;
const old = createClient<PathsV1>({ baseUrl: `${root}/api/v1` });
const status = await old.GET('/auth/status', { headers: { Authorization: `Bearer ${access_token}` } });
assert.equal(status.data?.authenticated, true);
console.log('the clients of orval and openapi-typescript work, for version 1 and 2');
