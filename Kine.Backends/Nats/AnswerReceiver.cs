namespace Kine.Backends.Nats;

/// <summary>Gets an answer on the library's thread; must neither block nor throw.</summary>
internal delegate void AnswerReceiver(ArrivedMessage answer);
