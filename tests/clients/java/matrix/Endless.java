// The producer that goes on through whatever happens to the broker: 1, 2, 3, ... at a given rate until SIGTERM.

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import sun.misc.Signal;

final class Endless {
    private static final int MAX_UNACKED = 1000;
    private static volatile boolean stopping;

    private Endless() {}

    static void produce(String topic, int perSecond) throws InterruptedException {
        Signal.handle(new Signal("TERM"), signal -> stopping = true);
        Semaphore room = new Semaphore(MAX_UNACKED);
        long pause = TimeUnit.SECONDS.toNanos(1) / perSecond;
        try (KafkaProducer<String, String> producer = Client.producer()) {
            for (long value = 1, due = System.nanoTime(); !stopping; value++, due += pause) {
                LockSupport.parkNanos(due - System.nanoTime());
                while (!room.tryAcquire(100, TimeUnit.MILLISECONDS) && !stopping) {
                    due = System.nanoTime(); // what could not be sent is not made up for
                }
                send(producer, topic, value, room);
            }
        }
        Client.say("closed");
    }

    private static void send(KafkaProducer<String, String> producer, String topic, long value, Semaphore room) {
        producer.send(new ProducerRecord<>(topic, Long.toString(value)), (metadata, error) -> {
            room.release();
            Client.say(error == null ? "acked " + value : "error " + value + " " + error.toString().replace('\n', ' '));
        });
    }
}
