import React, { lazy } from 'react';

import { Navigate, Route, Routes } from 'react-router-dom';

import { sessionsPath } from '../shared/addresses';

const SessionsPage = lazy(() => import('./SessionsPage').then((module) => ({ default: module.SessionsPage })));
const SessionPage = lazy(() => import('./SessionPage').then((module) => ({ default: module.SessionPage })));
const ReplayPage = lazy(() => import('./ReplayPage').then((module) => ({ default: module.ReplayPage })));

export function App() {
  return (
    <Routes>
      <Route path="sessions" element={<SessionsPage />} />
      <Route path="sessions/:sessionId" element={<SessionPage />} />
      <Route path="replay" element={<ReplayPage />} />
      <Route path="*" element={<Navigate to={sessionsPath} replace />} />
    </Routes>
  );
}
