"""Another program on a port: listener.py PORT silent|http|closes|slow-sshd|proxy (CONNECT, to the caches)"""

import socket
import subprocess
import sys
import threading
import time

ANSWERS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "closes": b"",
}


def answer(connection, kind):
    with connection:
        if kind == "silent":
            time.sleep(3600)
        if kind == "slow-sshd":
            time.sleep(2)
            sshd = ["chroot", "/guest", "/usr/sbin/sshd", "-i", "-o", "UsePAM=no", "-E", "/var/log/sshd.log", "-q"]
            subprocess.run(sshd, stdin=connection, stdout=connection, check=False)
            return
        try:
            connection.settimeout(3)
            connection.recv(1024)  # as HTTP servers do: nothing is said before something was asked
        except OSError:
            pass
        try:
            connection.sendall(ANSWERS[kind])
        except OSError:
            pass


def forward(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def proxy(connection):
    """What it is asked to connect to is one of the lab's own names, whatever they resolve to on the Mac."""
    with connection, socket.create_connection(("127.0.0.1", 443)) as target:
        head = b""
        while b"\r\n\r\n" not in head and (data := connection.recv(1)):
            head += data
        if not head.startswith(b"CONNECT "):
            connection.sendall(ANSWERS["http"])
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=forward, args=(target, connection), daemon=True)
        back.start()
        forward(connection, target)
        back.join()


def main():
    port, kind = int(sys.argv[1]), sys.argv[2]
    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            connection, _ = server.accept()
            if kind != "proxy":
                with open("/run/lab/connections", "a") as file:
                    file.write(f"{port}\n")
            work = (proxy, (connection,)) if kind == "proxy" else (answer, (connection, kind))
            threading.Thread(target=work[0], args=work[1], daemon=True).start()


main()
