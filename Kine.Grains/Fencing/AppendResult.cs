namespace Kine.Grains.Fencing;

/// <summary>An outcome with the error that goes with it.</summary>
internal readonly record struct AppendResult(AppendOutcome Outcome, Exception? Error = null);
