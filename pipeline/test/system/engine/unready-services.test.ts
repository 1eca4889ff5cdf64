// Services that never accept a connection where they said they would.
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { base } = sdkSession({ DRYDOCK_SERVICE_READY: '1' });

const rows: Row[] = [
  [
    'the error says how long was waited, and the last lines of the service',
    () =>
      errorOf(
        base()
          .withExposedPort(81)
          .asService({ args: sh('echo starting; sleep 100') })
          .start(),
      ),
    refusal('did not accept connections on port 81 within 1 s; its last lines:\nstarting'),
  ],
  [
    'a step that it is bound to does not run',
    () => {
      const deaf = base()
        .withExposedPort(8080)
        .asService({ args: ['httpd', '-f', '-p', '127.0.0.1:8080', '-h', '/'] });
      return errorOf(base().withServiceBinding('deaf', deaf).withExec(['true']).sync());
    },
    refusal('did not accept connections on port 8080'),
  ],
];
testRows(rows);
