// Runs Kafka's command line tools by class, one after the other in one process, since each start of a Java takes its second: their main
// methods are called as they are, with what they read, say and end with kept apart for each. ../python/adapter_tools.py asks, by stdin:
// a class, its words and its stdin; the answer on stdout is the exit status, what it said on stdout and what on stderr.

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

final class Tools {
    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static volatile Ended ended;

    private Tools() {}

    /** Thrown where a tool would end the process. */
    private static final class Ended extends Error {
        private static final long serialVersionUID = 1;
        final int status;

        Ended(int status) {
            super(null, null, false, false);
            this.status = status;
        }
    }

    public static void main(String[] args) throws Exception {
        DataInputStream orders = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in)));
        DataOutputStream answers = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream told = new ByteArrayOutputStream();
        System.setOut(new PrintStream(to(said), true, StandardCharsets.UTF_8));
        // The log stays on stderr as well.
        System.setErr(new PrintStream(to(told, new FileOutputStream(FileDescriptor.err)), true, StandardCharsets.UTF_8));
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        Exit.setExitProcedure(Tools::end);
        Exit.setHaltProcedure(Tools::end);
        while (true) {
            String[] words;
            try {
                words = new String[orders.readInt()];
            } catch (EOFException over) {
                Runtime.getRuntime().halt(0);
                return;
            }
            for (int i = 0; i < words.length; i++) {
                words[i] = new String(bytes(orders), StandardCharsets.UTF_8);
            }
            System.setIn(new ByteArrayInputStream(bytes(orders)));
            answers.writeInt(run(words));
            for (ByteArrayOutputStream kept : List.of(said, told)) {
                synchronized (kept) {
                    answers.writeInt(kept.size());
                    kept.writeTo(answers);
                    kept.reset();
                }
            }
            answers.flush();
        }
    }

    /** What a tool makes of this error is not heard any more: it would have ended here. */
    private static void end(int status, String message) {
        if (message != null) {
            System.err.println(message);
        }
        if (ended == null) {
            ended = new Ended(status);
        }
        throw ended;
    }

    private static byte[] bytes(DataInputStream from) throws IOException {
        return from.readNBytes(from.readInt());
    }

    private static OutputStream to(OutputStream... all) {
        return new OutputStream() {
            @Override
            public void write(int octet) throws IOException {
                write(new byte[] {(byte) octet}, 0, 1);
            }

            @Override
            public void write(byte[] octets, int from, int count) throws IOException {
                for (OutputStream one : ended == null ? all : new OutputStream[0]) {
                    one.write(octets, from, count);
                }
            }
        };
    }

    /** The tool's main, then what it left to be done when its process ends: the console producer closes its producer there. */
    private static int run(String[] words) throws Exception {
        ended = null;
        int status = 0;
        try {
            String[] rest = List.of(words).subList(1, words.length).toArray(new String[0]);
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
        } catch (InvocationTargetException thrown) {
            if (ended == null) {
                thrown.getCause().printStackTrace();
                status = 1;
            }
        }
        if (ended != null) {
            status = ended.status;
            ended = null;
        }
        HOOKS.forEach(Runnable::run);
        HOOKS.clear();
        System.out.flush();
        return status;
    }
}
