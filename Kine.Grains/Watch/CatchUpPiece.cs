namespace Kine.Grains.Watch;

/// <summary>Past events for one watcher, shared with others of its group.</summary>
/// <param name="Run">The events.</param>
/// <param name="From">Index of the first event that this watcher has not had.</param>
/// <param name="Revision">Current revision when the piece was made, for the header.</param>
internal sealed record CatchUpPiece(EventRun Run, int From, long Revision);
