using NATS.Client.Core;

namespace Kine.Backends.Nats;

/// <summary>A message to be sent: a request to the server's API, or a message of the log.</summary>
/// <param name="Subject">Where it goes.</param>
/// <param name="Data">Payload.</param>
/// <param name="Headers">Null = none.</param>
internal readonly record struct OutgoingMessage(string Subject, ReadOnlyMemory<byte> Data, NatsHeaders? Headers = null);
